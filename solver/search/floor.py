"""The least memory any plan of a split needs: proves that nothing fits.

For every selection and every stage map, the memory of the fullest stage is at least the mean over
stages (which is at most the mean of what they have room for), and at least that of the units that
pins (and the order of the graph) force onto a stage. Parameters, gradients, optimizer state and one
micro-batch in flight are counted, buffers are not.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from solver.cost.collectives import Floats
from solver.cost.quantities import Quantity
from solver.engine.medium import message_bound
from solver.search.terms import are_held_together, extremes
from solver.sharding.lower.tables import Tables
from solver.sharding.lower.weighted import weighted
from solver.sharding.problem import ShardingProblem
from solver.sharding.terms import Weights
from solver.space.pins import PinMasks, stage_allowed
from solver.stages.pattern import PARTS, unit_places
from solver.stages.placement import placement

SWEEPS = 8
GIB = 2.0**30


def stage_choices(
    problem: ShardingProblem, pins: tuple[PinMasks, ...]
) -> list[frozenset[int]] | None:
    """The stages every unit may be on, by hard pins and edges; None: some unit has none."""
    stages = problem.split.stages
    on_stage = placement(problem.spec.train.pipeline, stages)
    chunks = range(len(on_stage))
    allowed = [set(chunks) for _ in problem.spec.graph.units]
    for pin in pins:
        for wish in pin.units if pin.is_hard else ():
            if wish.stages is not None:
                fine = {c for c in chunks if stage_allowed(wish, on_stage[c], stages)}
                allowed[wish.unit] &= fine
    edges = sorted({(x.source_unit, x.target_unit) for x in problem.sends})
    for _ in range(2):  # edges go forward, so one pass each way settles all
        for source, target in edges:
            least = min(allowed[source], default=len(chunks))
            allowed[target] = {c for c in allowed[target] if c >= least}
        for source, target in reversed(edges):
            most = max(allowed[target], default=-1)
            allowed[source] = {c for c in allowed[source] if c <= most}
    if not all(allowed):
        return None
    return [frozenset(on_stage[c] for c in found) for found in allowed]


@dataclass(frozen=True, slots=True)
class MemoryFloor:
    """Bytes needed at least: on the `mean` over stages, and on `stages` that units are forced
    onto."""

    mean: float
    stages: Mapping[int, float]

    @property
    def fullest(self) -> float:
        """Bytes that the fullest stage needs at least."""
        return max([self.mean, *self.stages.values()])

    def exceeds(self, rooms: Floats) -> bool:
        """Whether nothing fits into stages with so much room each."""
        forced = any(floor > rooms[stage] for stage, floor in self.stages.items())
        return forced or self.mean > rooms.mean()


def memory_floor(tables: Tables, choices: Sequence[frozenset[int]], mode: str) -> MemoryFloor:
    """What the stages of every plan need at least."""
    problem = tables.problem
    places = unit_places(problem)
    mean = _least(tables, _units(problem, places, None, choices), mode, True)
    floors = {}
    if problem.split.stages > 1:
        for stage in sorted({stage for found in choices if len(found) == 1 for stage in found}):
            units = _units(problem, places, stage, choices)
            floors[stage] = _least(tables, units, mode, False)
    return MemoryFloor(mean, floors)


def _units(
    problem: ShardingProblem,
    places: list[tuple[int, int]],
    stage: int | None,
    choices: Sequence[frozenset[int]],
) -> Floats:
    """[class, part] counts of the units forced onto a stage (None: a mean stage), less what is
    between units of different stages, which may have made different choices."""
    units = np.zeros((len(problem.classes), len(PARTS)))
    for (c, i), found in zip(places, choices, strict=True):
        if stage is None or found == {stage}:
            for part in ("every", "first" if i == 0 else "rest"):
                units[c, PARTS[part]] += 1
    borders = problem.split.stages - 1 if stage is None else 1
    rest = PARTS["rest"]
    units[:, rest] = np.maximum(units[:, rest] - borders, 0.0)
    return units / problem.split.stages if stage is None else units


def _least(tables: Tables, units: Floats, mode: str, mean: bool) -> float:
    problem, least = tables.problem, np.inf
    for again in extremes(problem, mode):
        factors = np.zeros((*units.shape, problem.kinds.width))
        factors[..., Quantity.STATIC] = units / GIB
        recomputed = np.where(again[:, None] == 1, units, 0.0)
        plain = np.where(again[:, None] == 0, units, 0.0)
        if are_held_together(problem):
            factors[..., Quantity.KEPT] = recomputed / GIB
            for saved in (Quantity.SAVED_B, Quantity.SAVED_W):
                factors[..., saved] = plain / GIB
        held = np.zeros((len(problem.stores), problem.kinds.width))
        for j, store in enumerate(problem.stores):
            present = units[list(store.holders), 0].sum() > 0
            held[j, Quantity.STATIC] = (1 / problem.split.stages if mean else present) / GIB
        bound = message_bound(weighted(tables, Weights(factors, held), {}), SWEEPS)
        least = min(least, bound * GIB)
    return least
