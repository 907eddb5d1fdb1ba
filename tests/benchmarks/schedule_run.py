"""One row of the scheduler's tables: solve, judge by the verifier's simulation, print."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from solver.schedule import Action, Schedule, ScheduleProblem, estimate, solve
from tests.schedule.judging import judge

AGREE = 1e-9
"""Relative difference up to which two sums of floats are the same figure."""


@dataclass(frozen=True, slots=True)
class Run:
    """What a solve came to. `start` is the best constructive objective, `seconds` wall-clock time,
    start included; `peak_bytes` is the largest of all devices."""

    schedule: Schedule
    bound: float
    proved: bool
    start: float
    seconds: float
    peak_bytes: float

    @property
    def value(self) -> float:
        """The objective: makespan or span."""
        return self.schedule.value

    @property
    def gap(self) -> str:
        """How far the value is above the bound, relative to the value."""
        if self.proved:
            return "proved"
        return f"{100 * (1 - self.bound / self.value):.2f} %"


def run(problem: ScheduleProblem, seconds: float, start: Sequence[Action] = ()) -> Run:
    """Solve with two workers and judge. Raises RuntimeError where there is no schedule, or where
    the simulation finds it invalid or worth something else than the scheduler says."""
    begin = time.monotonic()
    first = estimate(problem)
    result = solve(problem, seconds, workers=2, start=start)
    taken = time.monotonic() - begin
    if result.schedule is None:
        raise RuntimeError(f"a problem of the benchmark was found {result.status}")
    found = judge(problem, result.schedule)
    if found.violations or found.outcome is None:
        raise RuntimeError(f"an invalid schedule: {'; '.join(found.violations[:3])}")
    claims = (result.schedule.makespan, result.schedule.span)
    seen = (found.outcome.makespan, found.outcome.span)
    if any(abs(a - b) > AGREE * b for a, b in zip(claims, seen, strict=True)):
        raise RuntimeError(f"the schedule comes to {seen}, not to {claims}")
    peak = max(found.outcome.peak_bytes)
    return Run(result.schedule, result.bound, result.schedule.proved, first, taken, peak)


def table(header: Sequence[str], rows: Iterable[Sequence[object]]) -> Iterable[str]:
    """The lines of a Markdown table, each as soon as its row is there."""
    yield f"| {' | '.join(header)} |"
    yield f"|{'---|' * len(header)}"
    for row in rows:
        yield f"| {' | '.join(map(str, row))} |"
