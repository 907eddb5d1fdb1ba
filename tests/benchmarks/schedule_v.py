"""V-shaped pipelines, two chunks per device, down to half the memory of 1F1B (16 activations on 8
devices): hard, since chunks compete for the memory of their device."""

from __future__ import annotations

from collections.abc import Iterable

from tests.benchmarks.schedule_run import run, table
from tests.schedule.instances import Times, pipeline

UNIT: Times = (1.0, 1.0, 1.0)
MEASURED: Times = (36.0, 59.0, 35.0)
ROWS = (
    (4, 10, MEASURED, 9, 141),
    (8, 24, UNIT, 16, 7),
    (8, 24, UNIT, 12, 13),
    (8, 24, UNIT, 10, 17),
    (8, 24, UNIT, 8, 23),
    (8, 24, MEASURED, 10, 932),
)
"""Devices, micro-batches, F:B:W, memory in activations of a chunk, best bubble known before."""


def lines(seconds: float | None) -> Iterable[str]:
    """Makespan bubbles, in the unit of the times."""
    header = ("P", "M", "F:B:W", "memory", "known", "start", "bubble", "bound", "gap", "seconds")
    return table(header, (_row(*row, seconds or 60.0) for row in ROWS))


def _row(
    devices: int, microbatches: int, times: Times, memory: int, known: int, seconds: float
) -> tuple[object, ...]:
    problem = pipeline(devices, microbatches, times, memory, shape="v", visits=2)
    work = 2 * microbatches * sum(times)
    found = run(problem, seconds)
    bubbles = (f"{value - work:.0f}" for value in (found.start, found.value, found.bound))
    name = ":".join(f"{time:g}" for time in times)
    cells = (devices, microbatches, name, memory, known, *bubbles)
    return (*cells, found.gap, f"{found.seconds:.1f}")
