"""Window search: CP-SAT re-orders a few hundred consecutive operators at a time.

Windows sweep over the schedule with half overlap, and again with other boundaries, as long as
there is time. A window is larger than the ramp of the pipeline (several micro-batches of every
kind), otherwise it cannot trade the order of a device against that of its neighbours.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from solver.schedule.budget import Budget
from solver.schedule.cpsat import Effort, solve_order
from solver.schedule.heads import margins
from solver.schedule.neighbourhood import window
from solver.schedule.operators import Operators, Order
from solver.schedule.retime import by_start, makespan, retime

MICROBATCHES = 8
"""Operators of a window: this many micro-batches of every kind, within the limits below."""
SMALLEST, LARGEST = 150, 600
SECONDS = 2.0
"""The effort of one window."""


@dataclass(slots=True)
class _Sweep:
    """The best order in ticks so far."""

    operators: Operators
    order: Order
    makespan: int

    def offer(self, order: Order) -> None:
        """Keep `order` unless it is worse; equal ones are kept, to leave plateaus."""
        starts = retime(self.operators, order)
        if starts is None:
            return
        found = int(makespan(self.operators, order, starts))
        if found <= self.makespan:
            self.order, self.makespan = order, found


def improve(
    operators: Operators,
    order: Order,
    lower: int,
    effort: Effort,
    budget: Budget,
    on_order: Callable[[Order], None],
) -> None:
    """Sweep windows over `order` (`operators` in ticks) until the makespan is `lower`, the time
    is over or three sweeps in a row brought nothing. `on_order` gets every order found."""
    starts = retime(operators, order)
    if starts is None:
        raise ValueError("window search needs a sound order to start from")
    around = margins(operators)
    sweep = _Sweep(operators, order, int(makespan(operators, order, starts)))
    size = max(SMALLEST, min(LARGEST, MICROBATCHES * len(operators.kinds)))
    idle = 0
    for turn, positions in enumerate(_sweeps(operators.count, size)):
        before = sweep.makespan
        for first in positions:
            seconds = min(SECONDS, budget.left())
            if seconds <= 0.0 or sweep.makespan <= lower or effort.stop.is_set():
                return

            def keep(found: Order) -> None:
                sweep.offer(found)
                on_order(found)

            sequence = by_start(operators, sweep.order)
            now = retime(operators, sweep.order)
            assert now is not None  # `offer` keeps sound orders only
            frame = window(operators, around, sequence, now, first, size, sweep.makespan)
            part = replace(effort, seconds=seconds, seed=effort.seed + turn)
            answer = solve_order(frame, part, spread=True, on_order=keep)
            budget.charge(answer.deterministic_seconds)
            if answer.status == "infeasible":
                raise RuntimeError("a window model contradicts the schedule it was made from")
        idle = idle + 1 if sweep.makespan == before else 0
        if idle == 3 or size >= operators.count:
            return


def _sweeps(count: int, size: int) -> Iterator[range]:
    """First operators of the windows of each sweep, forwards; every other sweep is shifted."""
    step = max(1, size // 2)
    while True:
        yield range(0, max(1, count - step), step)
        yield range(step // 2, max(step // 2 + 1, count - step), step)
