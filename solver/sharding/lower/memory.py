"""The peak of memory as points in time whose use is linear in the choices.

The peak of a stage (solver/README.md, section 7) is

    base + max over operators of working + 2 max over units of gathered + max over units of rebuilt

where `base` (parameters, gradients, optimizer state, what is saved) and, unit by unit, `gathered`
and `rebuilt` are sums over choices. A sum of maxima is the maximum over all combinations: one point
for every unit that gathers and every unit that is recomputed says the same. That would be too many
points for `working`, a maximum over single choices, and for units that gather where there are many:
there a level is chosen (`solver.sharding.lower.levels`) and used at all points.

Exact reductions, U and L being the sums of the largest and least amounts of all choices at a point:
1. A stage whose factors, units and recomputed units are all reached by another stage, which has no
   more room, never decides.
2. A point where U fits within every capacity is always met.
3. Levels that fit with U at all their points are alike, and the largest of them stands for all;
   levels that do not fit with L at some point of a hard capacity are never chosen.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from solver.cost.collectives import Floats
from solver.sharding.lower.blocks import GATHERED, Rates, undominated
from solver.sharding.lower.levels import GUARD, Level, gathered_levels, working_levels
from solver.sharding.lower.rates import store_factors
from solver.sharding.lower.tables import SAVED, Tables
from solver.sharding.problem import Labels
from solver.sharding.terms import StageTerms
from solver.stages.pattern import PARTS

COMBINED = 32
"""Up to this many points of a stage, combinations of units that gather and are recomputed are
points; above, units that gather are a level."""
NOBODY = (None,)


@dataclass(frozen=True, slots=True, eq=False)
class MemoryLimit:
    """Bytes that may be used on every stage, and the price of a byte more (infinity: hard)."""

    name: str
    capacity: Floats
    price: float


@dataclass(frozen=True, slots=True, eq=False)
class Memory:
    """The factors at every point, the levels beside them, and the stage of every point."""

    rates: Rates
    levels: tuple[Level, ...]
    stages: Labels


@dataclass(frozen=True, slots=True)
class _Point:
    """A stage, a class that gathers, and a class of which a unit is recomputed, its inputs as those
    of `part` (None: no unit does). `held` are the classes on the stage, `apart` those that gather
    where that is a level."""

    stage: int
    gathers: int | None
    rebuilt: tuple[int, str] | None
    held: frozenset[int]
    apart: frozenset[int]


def memory(tables: Tables, terms: StageTerms, limits: Sequence[MemoryLimit]) -> Memory | None:
    """The points that can matter under these limits; None when everything fits everywhere."""
    points = _points(tables, terms, np.array([limit.capacity for limit in limits]))
    rates = _rates(tables, terms, points)
    levels = working_levels(tables, [point.held for point in points])
    levels += gathered_levels(tables, [point.apart for point in points])
    least, most = _extremes(tables, rates, levels)
    stages = np.array([point.stage for point in points], dtype=np.intp)
    room = np.minimum.reduce([limit.capacity for limit in limits])[stages]
    hard = np.full(len(points), math.inf)
    for limit in limits:
        if math.isinf(limit.price):
            hard = np.minimum(hard, limit.capacity[stages])
    kept = np.flatnonzero(most * (1 + GUARD) > room)
    number = np.full(len(points), -1, dtype=np.intp)
    number[kept] = np.arange(len(kept))
    used = []
    for level in levels:
        here = level.points[number[level.points] >= 0]
        if len(here):
            alike = room[here] - (most[here] - level.amounts[-1]) * (1 + GUARD)
            ceiling = hard[here] - (least[here] - level.amounts[0]) * (1 - GUARD)
            used.append(replace(level.trimmed(alike.min(), ceiling.min()), points=number[here]))
    return Memory(rates.take(kept), tuple(used), stages[kept]) if len(kept) else None


# ---- points --------------------------------------------------------------------------------


def _points(tables: Tables, terms: StageTerms, room: Floats) -> list[_Point]:
    """Stage by stage every combination of a class that gathers and one that is recomputed; `room`
    is [limit, stage] bytes."""
    present, again = terms.counts.units[:, :, 0] > 0, terms.counts.again > 0
    vectors = [terms.memory, terms.held_memory, present, again[:, :, 1:], -room.T]
    flat = np.concatenate([x.reshape(len(present), -1) for x in vectors], axis=1)
    points = []
    for s in undominated(flat).tolist():
        held = frozenset(np.flatnonzero(present[s]).tolist())
        gathers, rebuilt = sorted(held & tables.gathers.keys()), _rebuilt(tables, again[s])
        apart: frozenset[int] = frozenset()
        countable = all(tables.gathers[c] is not None for c in gathers)
        if countable and max(1, len(rebuilt)) * len(gathers) > COMBINED:
            apart, gathers = frozenset(gathers), []
        pairs = itertools.product(rebuilt or NOBODY, gathers or NOBODY)
        points += [_Point(s, g, r, held, apart) for r, g in pairs]
    return points


def _rebuilt(tables: Tables, again: Floats) -> list[tuple[int, str]]:
    """The (class, part) of which a unit is recomputed; a part that saves nothing of its own is
    left out beside another one."""
    found: list[tuple[int, str]] = []
    for c in np.flatnonzero(again[:, 1:].any(axis=1)).tolist():
        parts = [p for p in ("first", "rest") if again[c, PARTS[p]]]
        found += [(c, p) for p in parts if (c, PARTS[p]) in tables.saving] or [(c, parts[0])]
    return found


def _rates(tables: Tables, terms: StageTerms, points: Sequence[_Point]) -> Rates:
    stages = [point.stage for point in points]
    units = terms.memory[stages]
    measured = units[:, :, 0].copy()  # what measured operators rebuild is in their workspace
    stores = store_factors(tables.problem, units, terms.held_memory[stages])
    for p, point in enumerate(points):
        if point.rebuilt is not None:
            c, part = point.rebuilt
            units[p, c, PARTS["every"], SAVED] += 1.0
            units[p, c, PARTS[part], SAVED] += 1.0
        for number, store in enumerate(tables.stores):
            if store.unit_class == point.gathers:
                stores[p, number, GATHERED] = 2.0
    return Rates(units, measured, stores)


def _extremes(tables: Tables, rates: Rates, levels: Sequence[Level]) -> tuple[Floats, Floats]:
    """[point]: no selection takes less, or more, with all levels at their ends."""
    least, most = np.zeros(len(rates)), np.zeros(len(rates))
    for block, factors in tables.blocks(rates):
        own = factors[:, block.layers]
        least += own @ block.least
        most += own @ block.most
    for level in levels:
        least[level.points] += level.amounts[0]
        most[level.points] += level.amounts[-1]
    return least, most
