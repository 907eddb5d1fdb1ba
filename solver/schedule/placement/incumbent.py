"""The best placement so far."""

from __future__ import annotations

from collections.abc import Callable

from solver.schedule.check import violations
from solver.schedule.operators import Operators, to_actions
from solver.schedule.placement.maps import Layout, Partial, broken_pins, least_price, relaxed
from solver.schedule.placement.problem import Placement
from solver.schedule.problem import Schedule, ScheduleProblem, is_proved
from solver.schedule.span import span
from solver.schedule.starts import Timed


class Incumbent:
    """Takes schedules of complete maps; tells `report` of each that is better than the last."""

    def __init__(self, plan: Layout, report: Callable[[Placement], None]) -> None:
        self._plan = plan
        self._report = report
        self.best: Placement | None = None

    def closes(self, bound: float) -> bool:
        """Whether nothing better than the best so far can lie behind `bound`."""
        return self.best is not None and is_proved(self.best.value, bound)

    def offer(self, partial: Partial, schedule: Schedule) -> None:
        """Take a checked schedule of this map if it is better."""
        price = least_price(self._plan, partial)
        value = schedule.value + price
        if self.best is None or value < self.best.value:
            devices = self._plan.flat(partial)
            broken = broken_pins(self._plan.problem, devices)
            self.best = Placement(devices, schedule, value, price, broken)
            self._report(self.best)

    def offer_order(
        self, partial: Partial, operators: Operators, found: Timed, bound: float
    ) -> None:
        """Take a timed order of this map if it is better; `bound` holds for the map, without place
        pins. Raises RuntimeError when its schedule is not valid (a bug)."""
        price = least_price(self._plan, partial)
        if self.best is None or found.value + price < self.best.value:
            problem = relaxed(self._plan, partial)
            self.offer(partial, _schedule(problem, operators, found, bound))


def _schedule(
    problem: ScheduleProblem, operators: Operators, found: Timed, bound: float
) -> Schedule:
    actions, transfers = to_actions(problem, operators, found.order, found.starts)
    wrong = violations(problem, actions, transfers, operators.fused)
    if wrong:
        raise RuntimeError(f"an invalid schedule was built: {'; '.join(wrong[:3])}")
    return Schedule(
        actions,
        found.makespan,
        min(bound, found.value),
        is_proved(found.value, bound),
        span(operators, found.order, found.starts),
        found.value,
        transfers,
        found.broken,
    )
