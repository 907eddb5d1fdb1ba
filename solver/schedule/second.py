"""What is decided after the objective: the least peak memory, then the fewest messages under way.

Peak memory: the problem is solved again with less and less capacity, by bisection, while a schedule
with the same objective is found. Messages under way (sent and not yet taken) depend on the times,
not on the order alone: of the order's earliest and latest times those with fewer are kept.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Literal

from solver.schedule.budget import Budget
from solver.schedule.memory import peaks
from solver.schedule.operators import Operators
from solver.schedule.problem import ScheduleProblem
from solver.schedule.retime import makespan
from solver.schedule.span import latest
from solver.schedule.starts import Timed

Second = Literal["memory", "transfers"]
STEPS = 12
"""Most capacities that are tried."""
SAME = 1e-9
"""Relative difference of objectives that count as equal."""

Again = Callable[[ScheduleProblem, float], Timed | None]
"""(problem, seconds) -> the best schedule found of it."""


def least_memory(
    problem: ScheduleProblem, operators: Operators, best: Timed, again: Again, budget: Budget
) -> Timed:
    """A schedule with the objective of `best` and the least largest peak, bytes, that was found."""
    sizes = [chunk.activation_bytes for chunk in problem.chunks if chunk.activation_bytes > 0]
    if not sizes:
        return best
    most = max(peaks(operators, best.order))
    least = max(chunk.activation_bytes + chunk.workspace_bytes for chunk in problem.chunks)
    step = min(sizes) * (1 - SAME)
    middle = most - step  # the next less first: often nothing less will do
    for number in range(STEPS):
        if middle < least * (1 - SAME) or budget.left() <= 0.0:
            break
        tight = replace(
            problem, capacity_bytes=tuple(min(c, middle) for c in problem.capacity_bytes)
        )
        found = again(tight, budget.left() / (STEPS - number) * 2)
        if found is not None and found.value <= best.value * (1 + SAME):
            best = found
            most = max(peaks(operators, best.order))
        else:
            least = middle + step
        middle = min(most - step, (least + most) / 2)
    return best


def fewest_transfers(operators: Operators, best: Timed) -> Timed:
    """`best`, or the same order as late as its objective allows, if fewer messages are then under
    way at once."""
    late = replace(best, starts=latest(operators, best.order, best.starts))
    late = replace(late, makespan=makespan(operators, best.order, late.starts))
    if late.makespan > best.makespan * (1 + SAME) or best.broken:
        return best
    return min(best, late, key=lambda one: under_way(operators, one.starts))


def under_way(operators: Operators, starts: Sequence[float]) -> int:
    """The largest number of messages between machines that are sent and not yet taken."""
    count = operators.microbatches
    steps: list[tuple[float, int]] = []
    for k, kind in enumerate(operators.kinds):
        for target, _ in kind.outputs:
            if operators.kinds[target].machine == kind.machine:
                continue
            for m in range(count):
                sent = starts[k * count + m] + kind.duration
                steps += [(sent, 1), (starts[target * count + m], -1)]
    most = here = 0
    for _, step in sorted(steps):
        here += step
        most = max(most, here)
    return most
