"""Which kernels to try: the least period first, then longer ones while they can pay.

1. The least period with a kernel, from the lower bound on: steps that double until there is one,
   then bisection, to a tick or a part of 32. A period that could not be settled in its share of the
   time counts as too short.
2. At that period the least flow time. The kernel of step 1 is offered as well: which of the two is
   better once windows have worked on its ends cannot be told before.
3. Longer periods: M micro-batches take about (M - 1) period + flow, so k ticks more can pay only
   while (M - 1) k is less than the flow time above the critical path.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace

from solver.schedule.budget import Budget
from solver.schedule.cpsat import Effort
from solver.schedule.kernel.coarse import coarse
from solver.schedule.kernel.model import Kernel, find
from solver.schedule.kernel.period import critical_path, least_period
from solver.schedule.kernel.unroll import unroll
from solver.schedule.memory import fits
from solver.schedule.operators import Operators, Order
from solver.schedule.retime import makespan, retime

SHARE = 0.3
"""Share of what is left of the time for one solve."""
LONGEST = 1.5
"""Longest period tried, as a multiple of the lower bound: beyond, list schedules do as well."""
STEP, LONGER = 32, 4
"""Periods differ by at least this part of them, and this many longer ones are tried."""
HORIZON = 1.5
"""Longest flow time of a kernel, as a multiple of the critical path, plus two periods."""


def kernels(
    operators: Operators,
    seconds: float,
    workers: int,
    seed: int,
    deterministic: bool,
    stop: threading.Event,
) -> Iterator[Order]:
    """Orders from kernels of `operators` (in ticks), the least makespan first; each respects
    memory and does not deadlock. Nothing when no kernel was found in `seconds` (see `Effort`)."""
    effort = Effort(seconds, workers, seed, deterministic, stop)
    found: dict[Order, float] = {}
    rounded = coarse(operators)
    for kernel in _Search(rounded, effort).run():
        order = unroll(rounded, kernel)
        starts = retime(operators, order) if fits(operators, order) else None
        if starts is not None:
            found[order] = makespan(operators, order, starts)
    yield from sorted(found, key=lambda order: found[order])


class _Search:
    """The kernels of one problem, in its ticks, within one budget."""

    def __init__(self, operators: Operators, effort: Effort) -> None:
        self._operators = operators
        self._effort = effort
        self._budget = Budget(effort.seconds, effort.deterministic)
        self._critical = critical_path(operators)

    def run(self) -> Iterator[Kernel]:
        """Kernels of several periods, one at a time."""
        least = least_period(self._operators)
        kernel = None if least is None else self._shortest(least)
        if kernel is None:
            return
        yield kernel
        kernel = self._quickest(kernel)
        yield kernel
        spare = kernel.flow - self._critical
        step = max(1, kernel.period // STEP)
        for longer in range(step, LONGER * step + 1, step):
            if (self._operators.microbatches - 1) * longer >= spare or not self._left():
                return
            other = self._solve(kernel.period + longer)
            if other is not None:
                yield self._quickest(other)

    def _shortest(self, least: int) -> Kernel | None:
        """A kernel of the least period for which one is found."""
        below, period, step = least - 1, least, max(1, least // STEP)
        best: Kernel | None = None
        while best is None:
            best = self._solve(period)
            if best is None:
                below = period
                if period >= LONGEST * least or not self._left():
                    return None
                period, step = period + step, 2 * step
        while best.period - below > max(1, best.period // STEP) and self._left():
            middle = (best.period + below) // 2
            shorter = self._solve(middle)
            if shorter is None:
                below = middle
            else:
                best = shorter
        return best

    def _quickest(self, kernel: Kernel) -> Kernel:
        """A kernel of the same period with the least flow time that is found."""
        if kernel.flow <= self._critical or not self._left():
            return kernel
        return self._solve(kernel.period, kernel) or kernel

    def _solve(self, period: int, known: Kernel | None = None) -> Kernel | None:
        horizon = int(HORIZON * self._critical) + 2 * period if known is None else known.flow
        part = replace(self._effort, seconds=SHARE * max(0.0, self._budget.left()))
        answer = find(self._operators, period, horizon, part, known)
        self._budget.charge(answer.deterministic_seconds)
        return answer.kernel

    def _left(self) -> bool:
        return self._budget.left() > 0.0 and not self._effort.stop.is_set()
