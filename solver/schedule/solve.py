"""From a problem to the best schedule and bound: quick answers first, then search.

1. A family: its order, re-timed exactly; nothing to search.
2. The best constructive schedule, or one that goes on from the start that was given; without any,
   and without pins, the problem is infeasible (`feasibility`); with pins CP-SAT looks for one.
3. If it meets the combinatorial bound, it is proved.
4. Up to `WHOLE` operators: window search for a share of the time, then CP-SAT on the whole problem,
   which improves the schedule and raises the bound. Beyond, window search only.

Where chunks share the memory of a device, windows also start from repeating kernels (`kernel`).

Every schedule is checked (`check`) before anyone sees it. An interrupt returns the best so far.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from solver.schedule.bounds import bound_operators
from solver.schedule.budget import Budget
from solver.schedule.check import violations
from solver.schedule.cpsat import Answer, Effort, solve_order
from solver.schedule.heads import margins
from solver.schedule.kernel import kernels
from solver.schedule.neighbourhood import whole
from solver.schedule.operators import Operators, Order, lower, to_actions
from solver.schedule.partial import completed
from solver.schedule.problem import (
    Action,
    Schedule,
    ScheduleProblem,
    ScheduleResult,
    Source,
    Status,
    is_proved,
)
from solver.schedule.second import Again, Second, fewest_transfers, least_memory
from solver.schedule.span import span
from solver.schedule.starts import Timed, best_start, family_schedule, timed
from solver.schedule.ticks import Ticks, in_ticks
from solver.schedule.windows import improve

WHOLE = 4000
"""Most operators that CP-SAT gets in one model."""
WINDOWS_FIRST = 150
"""From this many operators on, windows improve the start before the whole model is tried."""
WINDOW_SHARE = 0.4
"""Share of the time for them."""
START_SECONDS, START_SHARE = 1.5, 0.5
"""Time for constructive schedules: at least so many seconds, or so much of the time."""
KERNEL_SHARE, KERNELS = 0.15, 2
"""Share of the time for repeating kernels, and the most of them that windows improve."""
SECOND_SHARE = 0.3
"""Share of the time that is kept for less memory, where that is asked for."""


def solve(
    problem: ScheduleProblem,
    time_limit_s: float,
    workers: int = 2,
    seed: int = 0,
    on_incumbent: Callable[[Schedule], None] | None = None,
    deterministic: bool = False,
    stop: threading.Event | None = None,
    start: Sequence[Action] = (),
    then: Sequence[Second] = (),
) -> ScheduleResult:
    """The best schedule found within `time_limit_s` seconds and a bound that holds.

    `on_incumbent` is called with every better schedule, possibly from another thread.
    `deterministic` counts CP-SAT's deterministic time instead of seconds, so that runs repeat
    exactly. Setting `stop` ends the search early with the best schedule so far. `start` are actions
    of a schedule to start from, all or some; only their order on each device counts. `then` says
    what is decided next among schedules with the best objective found: the least peak `memory`, the
    fewest messages under way (`transfers`); a share of the time is kept for it.

    Raises ValueError when the family of the problem is unknown or does not apply, or when `start`
    names an operator that is not there.
    """
    report = on_incumbent or (lambda _: None)
    if problem.family is not None:
        return _fixed_order(problem, report)
    operators = lower(problem, fused=not problem.split_backward)
    effort = Effort(time_limit_s, workers, seed, deterministic, stop or threading.Event())
    whole_time = Budget(time_limit_s, deterministic)
    if "memory" in then:
        effort = replace(effort, seconds=(1 - SECOND_SHARE) * time_limit_s)
    patience = math.inf if deterministic else max(START_SECONDS, START_SHARE * time_limit_s)
    found = _better(completed(operators, start), best_start(problem, operators, patience))
    if found is None and operators.musts:
        answer = _found_by_search(operators, effort)
        if isinstance(answer, Answer):
            is_none = answer.status == "infeasible"
            bound = math.inf if is_none else bound_operators(operators)
            source: Source = "cpsat" if is_none else "bound"
            return ScheduleResult("infeasible" if is_none else "unknown", None, bound, source)
        found = answer
    if found is None:
        return ScheduleResult("infeasible", None, math.inf, "memory")
    ticks = in_ticks(operators, found.makespan)
    floor = _whole_ticks(bound_operators(ticks.operators))
    bound = max(bound_operators(operators), floor * ticks.seconds)
    best = _Incumbent(problem, operators, found, bound, report)
    best.announce()
    if not (best.closed or effort.stop.is_set() or time_limit_s <= 0):
        whole_time.charge(_search(best, ticks, floor, effort))
    for second in then:
        best.decide(second, whole_time, effort)
    return best.result("cpsat" if best.bound > bound else "bound")


def _better(one: Timed | None, other: Timed | None) -> Timed | None:
    if one is None or other is None:
        return one or other
    return min(one, other, key=lambda found: found.value)


def _fixed_order(problem: ScheduleProblem, report: Callable[[Schedule], None]) -> ScheduleResult:
    """The order of the family: exact, or infeasible when it exceeds a capacity or breaks a pin."""
    operators, found = family_schedule(problem)
    if found is None:
        return ScheduleResult("infeasible", None, math.inf, "memory")
    best = _Incumbent(problem, operators, found, found.value, report)
    best.announce()
    return best.result("order")


def _found_by_search(operators: Operators, effort: Effort) -> Timed | Answer:
    """A schedule that keeps the pins, from CP-SAT alone; else its answer."""
    serial = operators.microbatches * sum(
        kind.duration + sum(delay for _, delay in kind.inputs) for kind in operators.kinds
    )
    ticks = in_ticks(operators, serial + max(operators.tails) + 1e-30)
    found: list[Order] = []
    upper = math.ceil((serial + max(operators.tails)) / ticks.seconds)
    upper += sum(int(wish.weight) for wish in ticks.operators.wishes)
    around = whole(ticks.operators, margins(ticks.operators), [], 0, upper)
    answer = solve_order(around, effort, on_order=found.append)
    sound = [one for order in found if (one := timed(operators, order)) is not None]
    return min(sound, key=lambda one: one.value) if sound else answer


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
        return is_proved(self.best.value, self.bound)

    def offer(self, order: Order) -> None:
        """Take `order` if it is sound, fits and is better."""
        found = timed(self.operators, order)
        if found is not None and found.value < self.best.value:
            self.best = found
            self.announce()

    def decide(self, second: Second, budget: Budget, effort: Effort) -> None:
        """Go on among schedules of the same objective."""
        if effort.stop.is_set():
            return
        if second == "transfers":
            self.best = fewest_transfers(self.operators, self.best)
        else:
            self.best = least_memory(
                self.problem, self.operators, self.best, self._again(effort), budget
            )
        self.announce()

    def _again(self, effort: Effort) -> Again:
        """Searches a tighter problem until a schedule is as good as this one."""

        def again(tight: ScheduleProblem, seconds: float) -> Timed | None:
            operators = lower(tight, fused=self.operators.fused)
            found = best_start(tight, operators)
            if found is None:
                return None
            ticks = in_ticks(operators, found.makespan)
            one = _Incumbent(tight, operators, found, self.best.value, lambda _: None)
            floor = math.floor(self.best.value / ticks.seconds)
            if not one.closed:
                _search(one, ticks, floor, replace(effort, seconds=seconds))
            return one.best

        return again

    def announce(self) -> None:
        self.report(self.schedule())

    def schedule(self) -> Schedule:
        """The best schedule, checked. Raises RuntimeError if it is not valid (a bug)."""
        best = self.best
        actions, transfers = to_actions(self.problem, self.operators, best.order, best.starts)
        wrong = violations(self.problem, actions, transfers, self.operators.fused)
        if wrong:
            raise RuntimeError(f"an invalid schedule was built: {'; '.join(wrong[:3])}")
        return Schedule(
            actions,
            best.makespan,
            min(self.bound, best.value),
            self.closed,
            span(self.operators, best.order, best.starts),
            best.value,
            transfers,
            best.broken,
        )

    def result(self, source: Source) -> ScheduleResult:
        schedule = self.schedule()
        status: Status = "optimal" if schedule.proved else "feasible"
        return ScheduleResult(status, schedule, schedule.bound, source)


def _search(best: _Incumbent, ticks: Ticks, floor: int, effort: Effort) -> float:
    """Improve `best` and its bound with CP-SAT, until its objective is `floor`; the deterministic
    seconds it took. Raises RuntimeError when CP-SAT finds no schedule
    where one is known, in two configurations (a bug of the model)."""
    count = best.operators.count
    budget = Budget(effort.seconds, effort.deterministic)
    if count >= WINDOWS_FIRST:
        orders = [best.best.order, *_kernels(best, ticks, effort, budget)]
        for number, order in enumerate(orders):
            share = (WINDOW_SHARE if count <= WHOLE else 1.0) / (len(orders) - number)
            windows = budget.part(share)
            improve(ticks.operators, order, floor, effort, windows, best.offer)
            budget.charge(windows.spent)
            if best.closed or effort.stop.is_set():
                break
    if count > WHOLE or best.closed or effort.stop.is_set() or budget.left() <= 0.0:
        return budget.spent
    known = timed(ticks.operators, best.best.order)
    if known is None:
        raise RuntimeError("the best order is not sound in ticks")
    upper = int(known.value)
    around = whole(
        ticks.operators, margins(ticks.operators), known.starts, min(floor, upper), upper
    )
    answer = solve_order(around, replace(effort, seconds=budget.left()), on_order=best.offer)
    if answer.status == "infeasible":
        raise RuntimeError("the schedule model contradicts a checked schedule")
    best.bound = max(best.bound, answer.bound * ticks.seconds)
    return budget.spent + answer.deterministic_seconds


def _kernels(best: _Incumbent, ticks: Ticks, effort: Effort, budget: Budget) -> list[Order]:
    """Repeating kernels where chunks share the memory of a device: worse than list schedules at
    first, they leave the windows the ends only."""
    operators = ticks.operators
    is_shared = any(
        sum(operators.kinds[k].allocates > 0 for k in operators.on_machine[device]) > 1
        for device in range(len(operators.capacity))
    )
    if not is_shared or operators.span or operators.musts or operators.wishes:
        return []
    part = budget.part(KERNEL_SHARE)
    found: list[Order] = []
    for order in kernels(
        operators, part.left(), effort.workers, effort.seed, effort.deterministic, effort.stop
    ):
        best.offer(order)
        found.append(order)
        if len(found) == KERNELS:
            break
    budget.charge(part.left() if effort.deterministic else 0.0)
    return found


def _whole_ticks(bound: float) -> int:
    """A bound in ticks rounded up, as every makespan is whole; float noise aside."""
    return math.ceil(bound - max(1e-6, 1e-9 * bound))
