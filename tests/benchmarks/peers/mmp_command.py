"""`mmp solve` itself, its progress line replaced by lines of `protocol.py`.

    python -m tests.benchmarks.peers.mmp_command INPUT UNTIL [OPTION...]

The whole command runs: reading, search in its child process, verification, delivery.
"""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout

from solver.cli import progress
from solver.cli.main import main as mmp
from solver.events import Event, Incumbent
from tests.benchmarks.peers.protocol import WORKERS, say, seconds_left


def main(arguments: list[str]) -> None:
    """Run the command; say what it finds and, at the end, its document."""
    path, until, *options = arguments
    progress.following = _telling
    command = ["solve", path, "--json", "--workers", str(WORKERS)]
    command += ["--time-limit", f"{max(0.1, seconds_left(float(until))):.2f}", *options]
    printed = io.StringIO()
    with redirect_stdout(printed):
        code = mmp(command)
    if printed.getvalue():
        document = json.loads(printed.getvalue())
        objective = document.get("objective", {})
        names = [name for name in ("value", "bound") if objective.get(name) is not None]
        say(**{name: objective[name] for name in names}, solution=document.get("solution"))
    sys.exit(code)  # standard error says why, where it is not 0


@contextmanager
def _telling(objective: str) -> Iterator[Callable[[Event], None]]:
    """Takes the place of `solver.cli.progress.following`."""
    yield _tell


def _tell(event: Event) -> None:
    if isinstance(event, Incumbent):
        say(value=event.document["objective"]["value"])
    elif event.bound is not None:
        say(bound=event.bound)


if __name__ == "__main__":
    main(sys.argv[1:])
