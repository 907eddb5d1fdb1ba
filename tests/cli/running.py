"""`mmp solve` in a process of its own, with a search of the tests in it, and a signal to it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
RUNNER = """
import sys
sys.path.insert(0, sys.argv[2])
import signal
signal.signal(signal.SIGINT, signal.default_int_handler)
import argparse
from solver.cli.commands import solve
parser = argparse.ArgumentParser()
solve.add(parser.add_subparsers())
arguments = parser.parse_args(["solve", *sys.argv[3:]])
sys.exit(solve.run(arguments, sys.argv[1]))
"""


def command(search: str, *arguments: str) -> list[str]:
    """The command line that solves with `search` (`module:function`)."""
    return [sys.executable, "-c", RUNNER, search, str(HERE), *arguments]


def interrupt(
    search: str, path: Path, waits: Path, number: int, **environment: str
) -> tuple[int, dict[str, Any]]:
    """Send a signal when the file `waits` is there; the exit code and the document printed."""
    running = subprocess.Popen(
        command(search, str(path), "--json"),
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, **environment},
    )
    try:
        wait_for(waits)
        running.send_signal(number)
        out, _ = running.communicate(timeout=30)
    finally:
        running.kill()
    return running.returncode, json.loads(out)


def wait_for(path: Path) -> None:
    """Return when the file is there."""
    end = time.monotonic() + 60
    while not path.exists():
        assert time.monotonic() < end, "waited too long"
        time.sleep(0.05)
