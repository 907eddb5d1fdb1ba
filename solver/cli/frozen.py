"""`--frozen`, for every command that reads a spec: nothing of its project may have drifted."""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from pathlib import Path


def add(parser: argparse.ArgumentParser) -> None:
    """Add the option; `arguments.frozen` says whether it was given."""
    parser.add_argument(
        "--frozen",
        action="store_true",
        help="refuse when the libraries are not exactly those of mmp.lock",
    )


def check(arguments: argparse.Namespace, paths: Iterable[str | Path]) -> None:
    """With `--frozen`, compare the project of every file with its lock, without git.

    Raises ProjectError with every difference; a file outside of a project has none.
    """
    if not arguments.frozen:
        return
    from dsl.project.project import find_project
    from solver.locking.resolve import Mode, resolve

    for folder in dict.fromkeys(Path(path).parent for path in paths):
        project = find_project(folder)
        if project is not None:
            resolve(project, Mode(is_frozen=True, is_offline=True), lambda _name: False)
