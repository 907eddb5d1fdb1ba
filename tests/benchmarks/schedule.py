"""Table of pipeline schedules: constructive start, result, bound and time.

    python -m tests.benchmarks.schedule [SECONDS] [WORKERS]

SECONDS is the time limit of each row (default 30). Bubbles are makespan bubbles: the makespan
less the work of a device, in the unit of the operator times. `known` is the best value published
or measured before for that row, for comparison.
"""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass

from solver.schedule import estimate, lower_bound, solve
from tests.schedule.instances import Times, pipeline

UNIT: Times = (1.0, 1.0, 1.0)
MEASURED: Times = (36.0, 59.0, 35.0)


@dataclass(frozen=True, slots=True)
class Row:
    """One instance and the best bubble known before."""

    shape: str
    stages: int
    microbatches: int
    times: Times
    delay: float
    memory: int
    known: int


ROWS = (
    Row("linear", 4, 8, MEASURED, 0, 4, 180),
    Row("linear", 4, 8, MEASURED, 0, 7, 108),
    Row("linear", 8, 24, MEASURED, 0, 8, 420),
    Row("linear", 8, 24, MEASURED, 0, 12, 280),
    Row("linear", 8, 24, MEASURED, 0, 15, 252),
    Row("linear", 8, 24, MEASURED, 5, 8, 560),
    Row("linear", 8, 24, MEASURED, 5, 12, 350),
    Row("linear", 8, 24, MEASURED, 5, 15, 287),
    Row("linear", 16, 64, UNIT, 0, 16, 17),
    Row("linear", 16, 64, UNIT, 0, 31, 15),
    Row("linear", 16, 64, MEASURED, 5, 16, 1200),
    Row("linear", 16, 64, MEASURED, 5, 31, 615),
    Row("linear", 32, 128, UNIT, 0, 32, 38),
    Row("v", 4, 10, MEASURED, 0, 9, 141),
    Row("v", 8, 24, UNIT, 0, 16, 7),
    Row("v", 8, 24, UNIT, 0, 12, 13),
    Row("v", 8, 24, UNIT, 0, 10, 17),
    Row("v", 8, 24, UNIT, 0, 8, 23),
    Row("v", 8, 24, MEASURED, 0, 10, 932),
)

HEADER = "| shape | P | M | times | delay | memory | start | bubble | bound | known | seconds |"


def measure(row: Row, seconds: float, workers: int) -> str:
    """One line of the table."""
    visits = 2 if row.shape == "v" else 1
    problem = pipeline(
        row.stages,
        row.microbatches,
        row.times,
        row.memory,
        delay=row.delay,
        shape=row.shape,
        visits=visits,
    )
    work = visits * row.microbatches * sum(row.times)
    first = estimate(problem) - work
    begin = time.monotonic()
    result = solve(problem, seconds, workers=workers)
    taken = time.monotonic() - begin
    if result.schedule is None:
        raise RuntimeError(f"{row} was found {result.status}")
    bubble = f"{result.schedule.makespan - work:.0f}{' proved' if result.schedule.proved else ''}"
    bound = f"{max(result.bound, lower_bound(problem)) - work:.0f}"
    times = ":".join(f"{value:g}" for value in row.times)
    cells: tuple[object, ...] = (
        row.shape,
        row.stages,
        row.microbatches,
        times,
        f"{row.delay:g}",
        row.memory,
    )
    cells += (f"{first:.0f}", bubble, bound, row.known, f"{taken:.1f}")
    return f"| {' | '.join(map(str, cells))} |"


def main(arguments: list[str]) -> None:
    """Print the table."""
    seconds = float(arguments[0]) if arguments else 30.0
    workers = int(arguments[1]) if len(arguments) > 1 else 2
    sys.stdout.write(f"{HEADER}\n|{'---|' * 11}\n")
    for row in ROWS:
        sys.stdout.write(measure(row, seconds, workers) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1:])
