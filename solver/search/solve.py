"""A spec in, the plan document out: the search, a second objective, why there is no plan."""

from __future__ import annotations

import math
import threading
from dataclasses import replace
from typing import Any

from dsl.spec import Spec
from solver.events import Document, Emit, Options
from solver.explain.conflict import Explainer
from solver.plan.document import Proof, document
from solver.search.effort import Effort
from solver.search.goal import Found, Goal, goal_of
from solver.search.loop import Search, look_for
from solver.search.split import SplitSearch
from solver.sharding.build import Frame


def solve(spec: Spec, options: Options, emit: Emit, stop: threading.Event) -> Document:
    """The best plan within the limits, as a document; or why there is none.

    A second objective is pursued among the plans that are best in the first, within the split
    that was found; no bound is claimed for it.
    """
    search = Search(spec, options, emit, stop, goal_of(spec))
    stopped = search.run()
    if search.best is None:
        return _none(spec, options, stop, stopped, search)
    best = search.best
    effort = search.effort()
    if len(spec.objective) > 1 and not effort.is_over():
        best = _second(search.frame, effort, best)
    return document(best.plan, Proof(search.bound(), stopped))


def _second(frame: Frame, effort: Effort, first: Found) -> Found:
    """The best plan in the second objective that is no worse in the first."""
    spec = frame.spec
    turned = replace(
        spec,
        objective=spec.objective[1:],
        limits=tuple(limit for limit in spec.limits if limit.weight is None),
    )
    plan = first.plan
    search = SplitSearch(replace(frame, spec=turned), plan.problem.split, _no_worse(spec, first))
    search.prepare(math.inf)
    if search.ready is None:
        return first
    better: list[Found] = []
    look_for(search, math.inf, effort, better.append)
    same_price = [f.plan for f in better if f.plan.broken == plan.broken]
    if not same_price:
        return first
    problem = replace(same_price[-1].problem, spec=spec)  # the spec's own objectives again
    return Found(replace(same_price[-1], problem=problem), first.value)


def _no_worse(spec: Spec, first: Found) -> Goal:
    """Limits of plans that are no worse than the first one, and pay no more for soft limits."""
    goal, step = goal_of(spec), first.plan.step_time
    rows = document(first.plan, Proof(0.0, "limit"))["memory"]
    used = max(row["peak_bytes"] - row["terms"]["reserve"] for row in rows)
    is_memory = spec.objective[0] == "memory"
    room = [max(limit.value, used) for limit in goal.soft_bytes]
    time_left = [max(limit.value, step) for limit in goal.soft_seconds]
    return Goal(
        min(used if is_memory else goal.capacity, *room, math.inf),
        min(goal.step_limit if is_memory else step, *time_left, math.inf),
    )


def _none(
    spec: Spec, options: Options, stop: threading.Event, stopped: str, search: Search
) -> Document:
    """The document without a plan; a proven infeasibility is explained."""
    found: dict[str, Any] = {"conflict": [], "relaxations": []}
    if stopped == "proved":
        search.tell("explaining why there is no plan")
        explanation = Explainer(spec, options, stop).explain()
        found = {
            "conflict": list(explanation.conflict),
            "relaxations": list(explanation.relaxations),
            # Cut short, the conflict holds but may not be minimal, and ways out may be missing.
            "explanation": "cut short" if stop.is_set() else "complete",
        }
    return {"format": "mmp-plan/1", "outcome": {"stopped": stopped, "plan": "none"}, **found}
