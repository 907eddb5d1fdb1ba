"""Chunks placed on devices together with the order of their operators.

1. A bound that holds for every map (`bounds`).
2. Maps from published shapes and balanced ones (`starts`), improved by local search (`descent`).
3. The best few get a schedule each by search (`candidates`).
4. Up to `FEW_MAPS` maps, all of them are searched until the bound closes (`tree`).

An interrupt returns the best so far.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable

from solver.schedule.budget import Budget
from solver.schedule.cpsat import Effort
from solver.schedule.placement.bounds import bound_of_all
from solver.schedule.placement.candidates import search_candidates
from solver.schedule.placement.descent import descend
from solver.schedule.placement.incumbent import Incumbent
from solver.schedule.placement.maps import layout
from solver.schedule.placement.problem import (
    Placement,
    PlacementProblem,
    PlacementResult,
)
from solver.schedule.placement.starts import first_maps
from solver.schedule.placement.symmetry import classes, count_maps
from solver.schedule.placement.tree import search_all
from solver.schedule.problem import Status

FEW_MAPS = 5000
"""Most maps, up to symmetry, that are searched one and all."""
DESCENT_SHARE = 0.25
"""Share of the time for local search."""
CANDIDATE_SHARE = 0.5
"""Share of the time then left for the most promising maps, where all maps can be searched."""


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
    judged or bounded, instead of seconds, so that runs repeat exactly. Setting `stop` ends the
    search early with the best placement so far.
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
    is_small = count_maps(plan, classes(plan), FEW_MAPS) <= FEW_MAPS
    share = budget.part(CANDIDATE_SHARE if is_small else 1.0)
    known = search_candidates(plan, incumbent, judged, bound, effort, share)
    budget.charge(share.spent)
    is_over = effort.stop.is_set() or budget.left() <= 0.0
    if is_small and not incumbent.closes(bound) and not is_over:
        bound = max(bound, search_all(plan, incumbent, known, bound, effort, budget))
    return _result(incumbent, bound)


def _result(incumbent: Incumbent, bound: float) -> PlacementResult:
    best = incumbent.best
    if best is None:
        return PlacementResult("infeasible" if math.isinf(bound) else "unknown", None, bound)
    status: Status = "optimal" if incumbent.closes(bound) else "feasible"
    return PlacementResult(status, best, min(bound, best.value))
