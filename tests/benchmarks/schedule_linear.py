"""Linear pipelines of realistic times: proven, and beside the fixed schedules."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from solver.schedule import ScheduleProblem, estimate
from tests.benchmarks.schedule_run import run, table
from tests.schedule.instances import Times, pipeline

UNIT: Times = (1.0, 1.0, 1.0)
MEASURED: Times = (36.0, 59.0, 35.0)
ROWS = (
    (8, 24, MEASURED, 0, 8, 30),
    (8, 24, MEASURED, 0, 12, 30),
    (8, 24, MEASURED, 0, 15, 30),
    (8, 24, MEASURED, 5, 8, 30),
    (8, 24, MEASURED, 5, 12, 30),
    (8, 24, MEASURED, 5, 15, 30),
    (16, 64, UNIT, 0, 16, 120),
    (16, 64, MEASURED, 0, 16, 120),
    (16, 64, MEASURED, 5, 16, 120),
    (16, 64, MEASURED, 0, 24, 120),
    (16, 64, MEASURED, 5, 24, 120),
    (16, 64, MEASURED, 5, 31, 120),
    (32, 128, UNIT, 0, 32, 60),
    (32, 128, MEASURED, 0, 32, 60),
    (32, 128, MEASURED, 5, 32, 60),
    (32, 128, MEASURED, 5, 48, 60),
)
"""Stages, micro-batches, F:B:W, transfer delay, memory in activations, seconds."""


def lines(seconds: float | None) -> Iterable[str]:
    """Makespan bubbles: the makespan less the work of a device, in the unit of the times."""
    header = ("P", "M", "F:B:W", "delay", "memory", "1F1B", "ZB-H1", "start", "bubble", "bound")
    return table((*header, "gap", "seconds"), (_row(*row[:-1], seconds or row[-1]) for row in ROWS))


def _row(
    stages: int, microbatches: int, times: Times, delay: float, memory: int, seconds: float
) -> tuple[object, ...]:
    problem = pipeline(stages, microbatches, times, memory, delay=delay)
    work = microbatches * sum(times)
    found = run(problem, seconds)
    return (
        stages,
        microbatches,
        ":".join(f"{time:g}" for time in times),
        delay,
        memory,
        *(f"{_fixed(problem, family) - work:.0f}" for family in ("one_f_one_b", "zb_h1")),
        f"{found.start - work:.0f}",
        f"{found.value - work:.0f}",
        f"{found.bound - work:.0f}",
        found.gap,
        f"{found.seconds:.1f}",
    )


def _fixed(problem: ScheduleProblem, family: str) -> float:
    return estimate(replace(problem, family=family))
