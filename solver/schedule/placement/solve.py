"""Chunks placed on devices together with the order of their operators.

1. A bound that holds for every map (`bounds`).
2. Maps from published shapes and balanced ones (`starts`), improved by local search (`descent`).
3. The best few get a schedule each by `solver.schedule.solve`.
4. Up to `FEW_MAPS` maps, all of them are searched until the bound closes (`tree`); of more, the
   best one gets the time that is left.

An interrupt returns the best so far.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Sequence

from solver.schedule.budget import Budget
from solver.schedule.cpsat import Effort
from solver.schedule.placement.bounds import bound_of_all, partial_bound
from solver.schedule.placement.descent import Judged, descend
from solver.schedule.placement.incumbent import Incumbent
from solver.schedule.placement.maps import Layout, layout, relaxed
from solver.schedule.placement.problem import (
    Placement,
    PlacementProblem,
    PlacementResult,
)
from solver.schedule.placement.starts import first_maps
from solver.schedule.placement.symmetry import classes, count_maps
from solver.schedule.placement.tree import search_all
from solver.schedule.problem import Action, Schedule, Status
from solver.schedule.solve import solve

FEW_MAPS = 5000
"""Most maps, up to symmetry, that are searched one and all."""
DESCENT_SHARE = 0.25
"""Share of the time for local search."""
CANDIDATES = 4
"""How many maps get a schedule by search."""
CANDIDATE_SHARE = 0.4
"""Share of the time that is then left for them together."""


def solve_placed(
    problem: PlacementProblem,
    time_limit_s: float,
    workers: int = 2,
    seed: int = 0,
    on_incumbent: Callable[[Placement], None] | None = None,
    deterministic: bool = False,
    stop: threading.Event | None = None,
) -> PlacementResult:
    """The best map and schedule found within `time_limit_s` seconds, and a bound that holds for
    every map.

    `on_incumbent` is called with every better placement, possibly from another thread.
    `deterministic` counts CP-SAT's deterministic time, and a hundredth of a second for each map
    judged, instead of seconds, so that runs repeat exactly. Setting `stop` ends the search early
    with the best placement so far.
    """
    effort = Effort(time_limit_s, workers, seed, deterministic, stop or threading.Event())
    budget = Budget(time_limit_s, deterministic)
    plan = layout(problem)
    incumbent = Incumbent(plan, on_incumbent or (lambda _: None))
    bound = bound_of_all(plan)
    if math.isinf(bound):
        return PlacementResult("infeasible", None, bound)
    share = budget.part(DESCENT_SHARE)
    judged = descend(plan, first_maps(plan), seed, share, effort.stop)
    budget.charge(share.spent)
    _schedule_best(plan, incumbent, judged, bound, effort, budget)
    if not _is_over(incumbent, bound, effort, budget):
        if count_maps(plan, classes(plan), FEW_MAPS) <= FEW_MAPS:
            bound = max(bound, search_all(plan, incumbent, bound, effort, budget))
        elif incumbent.best is not None:
            partial = plan.whole(incumbent.best.devices)
            _schedule(plan, incumbent, partial, budget.left(), effort)
    return _result(incumbent, bound)


def _result(incumbent: Incumbent, bound: float) -> PlacementResult:
    best = incumbent.best
    if best is None:
        return PlacementResult("infeasible" if math.isinf(bound) else "unknown", None, bound)
    status: Status = "optimal" if incumbent.closes(bound) else "feasible"
    return PlacementResult(status, best, min(bound, best.value))


def _is_over(incumbent: Incumbent, bound: float, effort: Effort, budget: Budget) -> bool:
    return incumbent.closes(bound) or effort.stop.is_set() or budget.left() <= 0.0


def _schedule_best(
    plan: Layout,
    incumbent: Incumbent,
    judged: Sequence[Judged],
    bound: float,
    effort: Effort,
    budget: Budget,
) -> None:
    """Search schedules for the best maps; for the first of all even where there is no time left."""
    share = budget.part(CANDIDATE_SHARE)
    chosen = [one.partial for one in judged[:CANDIDATES] if one.score[1] == 0.0]
    for number, partial in enumerate(chosen):
        if number and _is_over(incumbent, bound, effort, share):
            break
        if incumbent.closes(partial_bound(plan, partial)):
            continue
        seconds = max(0.0, share.left()) / (len(chosen) - number)
        _schedule(plan, incumbent, partial, seconds, effort)
        share.charge(seconds)
    budget.charge(share.spent)


def _schedule(
    plan: Layout,
    incumbent: Incumbent,
    partial: dict[int, int],
    seconds: float,
    effort: Effort,
) -> None:
    """The best schedule of one map found in this time, from the one that is known."""
    best = incumbent.best
    start: tuple[Action, ...] = ()
    if best is not None and best.devices == plan.flat(partial):
        start = best.schedule.actions

    def offer(schedule: Schedule) -> None:
        incumbent.offer(partial, schedule)

    result = solve(
        relaxed(plan, partial),
        seconds,
        effort.workers,
        effort.seed,
        offer,
        effort.deterministic,
        effort.stop,
        start,
    )
    if result.schedule is not None:
        offer(result.schedule)
