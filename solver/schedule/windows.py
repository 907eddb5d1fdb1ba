"""Window search: CP-SAT re-orders consecutive operators, about a hundred at a time, then more.

The first windows are large ones at both ends, where a pipeline fills and drains: what a start or a
kernel loses is lost there. Then windows sweep over the schedule with half overlap. A sweep that
brings nothing is followed by one with larger windows: small ones are proved in a fraction of a
second each, larger ones (several micro-batches of every kind) can trade the order of a device
against that of its neighbours.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace

from solver.schedule.budget import Budget
from solver.schedule.cpsat import Effort, solve_order
from solver.schedule.heads import margins
from solver.schedule.neighbourhood import window
from solver.schedule.operators import Operators, Order
from solver.schedule.retime import by_start
from solver.schedule.span import shifted
from solver.schedule.starts import timed

SMALLEST, LARGEST, GROWTH = 100, 800, 1.6
"""Operators of the first and the largest windows, and the factor after a sweep in vain."""
ENDS = (200, 300, 400)
"""Operators of the windows at both ends."""
SECONDS = 2.0
"""The effort of a window of the smallest size; larger ones get proportionally more."""


def improve(
    operators: Operators,
    order: Order,
    lower: int,
    effort: Effort,
    budget: Budget,
    on_order: Callable[[Order], None],
) -> None:
    """Sweep windows over `order` (`operators` in ticks) until the objective is `lower`, the time is
    over or the largest windows bring nothing. `on_order` gets every order found.

    Raises RuntimeError when CP-SAT finds no order where one is known (a bug of the model).
    """
    sweep = _Sweep(operators, order, lower)
    count = operators.count
    for size in ENDS:
        if 2 * size <= count:
            sweep.run([0, count - size], size, 0, effort, budget, on_order)
    size = SMALLEST
    turn = 0
    while not (sweep.closed or effort.stop.is_set() or budget.left() <= 0.0):
        before = sweep.value
        step = size // 2
        windows = range(step // 2 * (turn % 2), max(1, count - step), step)
        sweep.run(windows, size, turn, effort, budget, on_order)
        turn += 1
        if sweep.value == before:
            if size >= min(LARGEST, count):
                return
            size = int(size * GROWTH)


class _Sweep:
    """The best order, in ticks, and the search of one window of it."""

    def __init__(self, operators: Operators, order: Order, lower: int) -> None:
        self._operators = operators
        self._lower = lower
        self.value = 0
        self._take(order)

    @property
    def closed(self) -> bool:
        """Whether nothing better can exist."""
        return self.value <= self._lower

    def run(
        self,
        windows: Iterable[int],
        size: int,
        turn: int,
        effort: Effort,
        budget: Budget,
        on_order: Callable[[Order], None],
    ) -> None:
        """Improve the windows that begin at these operators, while there is time."""
        for first in windows:
            seconds = min(SECONDS * size / SMALLEST, budget.left())
            if seconds <= 0.0 or self.closed or effort.stop.is_set():
                return
            part = replace(effort, seconds=seconds, seed=effort.seed + turn)
            budget.charge(self.search(first, size, part, on_order))

    def search(
        self, first: int, size: int, effort: Effort, on_order: Callable[[Order], None]
    ) -> float:
        """Improve the window from operator `first` on; the deterministic time it took."""
        frame = window(
            self._shifted, self._around, self._sequence, self._starts, first, size, self.value
        )
        found: list[Order] = []

        def keep(order: Order) -> None:
            found.append(order)
            on_order(order)

        answer = solve_order(frame, effort, keep)
        if answer.status == "infeasible":
            raise RuntimeError("a window model contradicts the schedule it was made from")
        if found:
            self._take(found[-1], only_better=True)
        return answer.deterministic_seconds

    def _take(self, order: Order, only_better: bool = False) -> None:
        """Go on from `order`. Soft pins that a window cannot see may have made it worse."""
        found = timed(self._operators, order)
        if found is None:
            raise RuntimeError("window search was given an order that is not sound")
        if only_better and found.value >= self.value:
            return
        self._starts, self.value = found.starts, int(found.value)
        self._shifted = self._operators
        if self._operators.span:
            self._shifted = shifted(self._operators, order, found.starts)
        if self._operators.span or not only_better:
            self._around = margins(self._shifted)
        self._sequence = by_start(self._operators, order, found.starts)
