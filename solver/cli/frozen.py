"""`--frozen`, for every command that reads a spec: nothing of its project may have drifted."""

from __future__ import annotations

import argparse
from pathlib import Path

_SPECS = ("specs", "spec", "subject")
"""Where the arguments of commands have the files they read."""


def add(parser: argparse.ArgumentParser) -> None:
    """Add the option; `check` does what it says before the command runs."""
    parser.add_argument(
        "--frozen",
        action="store_true",
        help="refuse when the libraries are not exactly those of mmp.lock",
    )


def check(arguments: argparse.Namespace, *more: Path) -> None:
    """With `--frozen`, compare the project of every spec given, and of `more`, with its lock,
    without git.

    Raises ProjectError with every difference; a file outside of a project has none.
    """
    if not getattr(arguments, "frozen", False):
        return
    from dsl.project.project import find_project
    from solver.locking.resolve import Mode, resolve

    for folder in dict.fromkeys(path.parent for path in (*_specs(arguments), *more)):
        project = find_project(folder)
        if project is not None:
            resolve(project, Mode(is_frozen=True, is_offline=True), lambda _name: False)


def _specs(arguments: argparse.Namespace) -> list[Path]:
    given = [getattr(arguments, name, None) for name in _SPECS]
    lists = [found if isinstance(found, list) else [found] for found in given if found is not None]
    return [Path(path) for found in lists for path in found]
