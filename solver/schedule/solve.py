"""From a problem to the best schedule and bound: quick answers first, then search.

1. A family: its order, re-timed exactly; nothing to search.
2. Nothing fits: infeasible, decided exactly by `feasibility`.
3. The best constructive schedule; if it meets the combinatorial bound, it is proved.
4. Up to `WHOLE` operators: window search for a share of the time, then CP-SAT on the whole problem,
   which improves the schedule and raises the bound. Beyond, window search only.

Every schedule is checked (`check`) before anyone sees it. An interrupt returns the best so far.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace

from solver.schedule.bounds import bound_operators
from solver.schedule.budget import Budget
from solver.schedule.check import violations
from solver.schedule.cpsat import Effort, solve_order
from solver.schedule.heads import margins
from solver.schedule.neighbourhood import whole
from solver.schedule.operators import Operators, Order, lower, to_actions
from solver.schedule.problem import (
    Schedule,
    ScheduleProblem,
    ScheduleResult,
    Source,
    Status,
    is_proved,
)
from solver.schedule.retime import makespan, retime
from solver.schedule.starts import Timed, best_start, family_schedule, timed
from solver.schedule.ticks import Ticks, in_ticks
from solver.schedule.windows import improve

WHOLE = 4000
"""Most operators that CP-SAT gets in one model."""
WINDOWS_FIRST = 150
"""From this many operators on, windows improve the start before the whole model is tried."""
WINDOW_SHARE = 0.4
"""Share of the time for them."""


def solve(
    problem: ScheduleProblem,
    time_limit_s: float,
    workers: int = 2,
    seed: int = 0,
    on_incumbent: Callable[[Schedule], None] | None = None,
    deterministic: bool = False,
    stop: threading.Event | None = None,
) -> ScheduleResult:
    """The best schedule found within `time_limit_s` seconds and a bound that holds.

    `on_incumbent` is called with every better schedule, possibly from another thread.
    `deterministic` counts CP-SAT's deterministic time instead of seconds, so that runs repeat
    exactly. Setting `stop` ends the search early with the best schedule so far.

    Raises ValueError when the family of the problem is unknown or does not apply.
    """
    report = on_incumbent or (lambda _: None)
    if problem.family is not None:
        return _fixed_order(problem, report)
    operators = lower(problem, fused=not problem.split_backward)
    start = best_start(problem, operators)
    if start is None:
        return ScheduleResult("infeasible", None, math.inf, "memory")
    ticks = in_ticks(operators, start.makespan)
    floor = _whole_ticks(bound_operators(ticks.operators))
    bound = max(bound_operators(operators), floor * ticks.seconds)
    best = _Incumbent(problem, operators, start, bound, report)
    best.announce()
    effort = Effort(time_limit_s, workers, seed, deterministic, stop or threading.Event())
    if best.closed or effort.stop.is_set() or time_limit_s <= 0:
        return best.result("bound")
    _search(best, ticks, floor, effort)
    return best.result("cpsat" if best.bound > bound else "bound")


def _fixed_order(problem: ScheduleProblem, report: Callable[[Schedule], None]) -> ScheduleResult:
    """The order of the family: exact, or infeasible when it exceeds a capacity."""
    operators, found = family_schedule(problem)
    if found is None:
        return ScheduleResult("infeasible", None, math.inf, "memory")
    best = _Incumbent(problem, operators, found, found.makespan, report)
    best.announce()
    return best.result("order")


@dataclass(slots=True)
class _Incumbent:
    """The best schedule so far and the best bound so far, in seconds."""

    problem: ScheduleProblem
    operators: Operators
    best: Timed
    bound: float
    report: Callable[[Schedule], None]

    @property
    def closed(self) -> bool:
        return is_proved(self.best.makespan, self.bound)

    def offer(self, order: Order) -> None:
        """Take `order` if it is sound, fits and is better."""
        found = timed(self.operators, order)
        if found is not None and found.makespan < self.best.makespan:
            self.best = found
            self.announce()

    def announce(self) -> None:
        self.report(self.schedule())

    def schedule(self) -> Schedule:
        """The best schedule, checked. Raises RuntimeError if it is not valid (a bug)."""
        actions = to_actions(self.problem, self.operators, self.best.order, self.best.starts)
        wrong = violations(self.problem, actions, self.operators.fused)
        if wrong:
            raise RuntimeError(f"an invalid schedule was built: {'; '.join(wrong[:3])}")
        bound = min(self.bound, self.best.makespan)
        return Schedule(actions, self.best.makespan, bound, self.closed)

    def result(self, source: Source) -> ScheduleResult:
        schedule = self.schedule()
        status: Status = "optimal" if schedule.proved else "feasible"
        return ScheduleResult(status, schedule, schedule.bound, source)


def _search(best: _Incumbent, ticks: Ticks, floor: int, effort: Effort) -> None:
    """Improve `best` and its bound with CP-SAT. Raises RuntimeError when CP-SAT finds no schedule
    where one is known, in two configurations (a bug of the model)."""
    count = best.operators.count
    budget = Budget(effort.seconds, effort.deterministic)
    if count >= WINDOWS_FIRST:
        windows = budget.part(WINDOW_SHARE if count <= WHOLE else 1.0)
        improve(ticks.operators, best.best.order, floor, effort, windows, best.offer)
        budget.charge(windows.spent)
    if count > WHOLE or best.closed or effort.stop.is_set() or budget.left() <= 0.0:
        return
    starts = retime(ticks.operators, best.best.order)
    if starts is None:
        raise RuntimeError("the best order deadlocks")
    upper = int(makespan(ticks.operators, best.best.order, starts))
    around = whole(ticks.operators, margins(ticks.operators), starts, min(floor, upper), upper)
    answer = solve_order(around, replace(effort, seconds=budget.left()), on_order=best.offer)
    if answer.status == "infeasible":
        raise RuntimeError("the schedule model contradicts a checked schedule")
    best.bound = max(best.bound, answer.bound * ticks.seconds)


def _whole_ticks(bound: float) -> int:
    """A bound in ticks rounded up, as every makespan is whole; float noise aside."""
    return math.ceil(bound - max(1e-6, 1e-9 * bound))
