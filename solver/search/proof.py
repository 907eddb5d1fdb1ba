"""Proof of a stage map under a fixed schedule, where nothing but layers and recomputation is open.
Where the order is free too, the best stage map of 1F1B is a start.

With one strategy per operator (measured operators, or one device per stage) the figures of every
layer are known, so the step time of every stage map follows from the family's order: one CP-SAT
model (`solver.stages.ordered_model`) searches all of them.
"""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from solver.schedule.families import family_order
from solver.schedule.operators import lower
from solver.schedule.retime import retime
from solver.search.effort import Effort
from solver.search.order import schedule_problem
from solver.search.patterns import full_flight, least_flight
from solver.sharding.problem import Selection
from solver.stages.figures import FUSED_FAMILIES, figures
from solver.stages.model import UnitCosts, unit_costs
from solver.stages.ordered_model import OrderedStageModel, Place, Proof
from solver.stages.pattern import Pattern

if TYPE_CHECKING:
    from solver.search.split import SplitSearch

SHARE, START_SHARE = 0.8, 0.4
"""Share of what is left of the time, for a proof and for a start."""
MOST = 20_000
"""Most operators of a step that the model takes."""


def applies(search: SplitSearch, selection: Selection, pattern: Pattern) -> bool:
    """Whether the model decides all that is open but the order."""
    ready, spec = search.ready, search.spec
    if ready is None or _family(search) not in FUSED_FAMILIES or pattern.stages == 1:
        return False
    problem, goal = ready.problem, search.goal
    is_fixed = all(node.unary.shape[1] == 1 for node in problem.nodes) and all(
        store.per_unit and store.costs.table.shape[2] == 1 for store in problem.stores
    )
    is_plain = not (goal.soft_bytes or goal.soft_seconds or spec.pins)
    is_small = 2 * pattern.chunks * search.split.microbatches <= MOST
    by_time = spec.objective[0] == "step_time"
    if not (is_fixed and is_plain and is_small and by_time and problem.wiring.is_chain):
        return False
    if not all(figures(problem, selection, pattern).fused):
        return False
    return _are_alike(search, unit_costs(problem, selection))


def _family(search: SplitSearch) -> str:
    """The schedule of the model."""
    return search.spec.train.pipeline.family or "one_f_one_b"


def prove(
    search: SplitSearch, selection: Selection, pattern: Pattern, upper: float, effort: Effort
) -> Proof:
    """The best stage map under the fixed schedule, or under 1F1B, and a bound on all plans, where
    `pattern` is known to take `upper` seconds."""
    ready = search.ready
    assert ready is not None
    f = figures(ready.problem, selection, pattern)
    microbatches, family = search.split.microbatches, _family(search)
    is_fixed = search.spec.train.pipeline.family is not None
    operators = lower(schedule_problem(f, microbatches, float("inf"), family), fused=True)
    order = family_order(operators, family)
    starts = retime(operators, order)
    assert starts is not None
    sequences: list[list[Place]] = [[] for _ in order]
    begun: dict[Place, float] = {}
    for places, sequence in zip(sequences, order, strict=True):
        for op in sequence:
            kind = operators.kinds[op // microbatches]
            places.append((kind.phase, kind.chunk, op % microbatches))
            begun[places[-1]] = starts[op]
    mode = ready.recompute_mode()
    model = OrderedStageModel(
        ready.problem,
        unit_costs(ready.problem, selection),
        least_flight(ready, pattern) if is_fixed else full_flight(ready),
        search.rooms,
        ready.pins,
        mode == "auto",
        mode == "full",
        sequences,
        _least_delay(search, selection),
        upper,
        pattern,
        begun,
    )
    limits = effort.limits()
    if not effort.deterministic:  # little else is left to do
        left = (SHARE if is_fixed else START_SHARE) * (effort.deadline - time.monotonic())
        limits = replace(limits, seconds=max(limits.seconds, left))
    proof = model.prove(limits)
    return proof if is_fixed else replace(proof, bound=0.0)


def _least_delay(search: SplitSearch, selection: Selection) -> float:
    """A transfer between stages takes at least this long."""
    assert search.ready is not None
    problem = search.ready.problem
    fixed, split = problem.spec.train.transfer, problem.split
    if fixed is not None:
        return fixed
    volumes = [float(s.volume[selection.strategies[s.node]]) for s in problem.sends]
    least = min(volumes, default=0.0)
    links = (split.link_between([stage]) for stage in range(split.stages))
    return min(link.latency + least / link.bandwidth for link in links if link is not None)


def _are_alike(search: SplitSearch, costs: UnitCosts) -> bool:
    """Whether the units of a class cost the same: the model counts those that are recomputed."""
    assert search.ready is not None
    names = [unit.name for unit in search.ready.problem.spec.graph.units]
    place = {name: u for u, name in enumerate(names)}
    for unit_class in search.ready.problem.classes:
        members = [place[name] for name in unit_class.units]
        for values in (costs.again, costs.kept, costs.saved, costs.rebuilt):
            first = values[..., members[:1]]
            if not np.allclose(values[..., members], first, rtol=1e-12, atol=0.0):
                return False
    return True
