"""How a peer is started, and what it says on standard output.

`python -m tests.benchmarks.peers.NAME INSTANCE UNTIL`, where UNTIL is the wall-clock second (since
the epoch) at which it should end. It says JSON objects, a line each, and whoever started it puts
the time to each: `{"building": true}` when the instance is read, `{"built": true}` when the model
is built, `{"value": v}` for a better solution, `{"bound": b}`, `{"solution": [strategy per node]}`,
`{"failed": "why"}`. Lines that are no such object are its solver's log (`logs.py` reads them);
`{"constant": c}` is what the figures in that log leave out.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from tests.benchmarks.peers.instance import Instance, read

WORKERS = 2
"""Threads of every solver that can be told."""


def run(solve: Callable[[Instance, float], None]) -> None:
    """Read the instance and solve it until UNTIL; lack of memory is a result, not a crash."""
    path, until = sys.argv[1:3]
    try:
        instance = read(Path(path))
        say(building=True)
        solve(instance, float(until))
    except MemoryError:
        say(failed="out of memory")


def say(**fields: object) -> None:
    """Write one line, at once, also while `sys.stdout` is another stream."""
    assert sys.__stdout__ is not None
    sys.__stdout__.write(json.dumps(fields) + "\n")
    sys.__stdout__.flush()


def seconds_left(until: float) -> float:
    """Wall-clock seconds until the end, at least 0."""
    return max(0.0, until - time.time())


def chosen(amounts: Sequence[Sequence[float]]) -> list[int]:
    """Per node, the strategy that a solver gave the largest amount: it rounds 0.999999 to 1."""
    return [max(range(len(row)), key=row.__getitem__) for row in amounts]
