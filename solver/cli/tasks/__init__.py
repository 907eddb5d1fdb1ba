"""The kinds of files that can be solved: `.mmp` specs and public sharding instances."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from solver.cli.exit_codes import CommandError
from solver.cli.task import Task

INSTANCE_SUFFIXES = (".json", ".json.gz")


def is_instance(path: str | Path) -> bool:
    """Whether a file is a public instance, by its name; everything else is a spec."""
    return str(path).lower().endswith(INSTANCE_SUFFIXES)


def open_task(path: str | Path, overrides: Mapping[str, str]) -> Task:
    """Read and check a file of either kind.

    Raises DiagnosticError for what is wrong in it, CommandError for a file that cannot be read and
    for overrides of an instance, which has no parameters.
    """
    if not is_instance(path):
        from solver.cli.tasks.spec import spec_task

        return spec_task(path, overrides)
    if overrides:
        raise CommandError(f"-D sets a `param` of a spec, and {path} is an instance")
    from solver.cli.tasks.instance import instance_task

    return instance_task(Path(path))
