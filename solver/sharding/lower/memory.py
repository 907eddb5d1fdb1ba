"""The peak of memory as points in time whose use is linear in the choices.

The peak of a stage (solver/README.md, section 7) is

    base + max over operators of working + 2 max over units of gathered + max over units of rebuilt

where `base` (parameters, gradients, optimizer state, what is saved) and, unit by unit, `gathered`
and `rebuilt` are sums over choices. A sum of maxima is the maximum over all combinations: one point
for every unit that gathers and every unit that is recomputed says the same. That would be too many
points for `working`, which is a maximum over single choices: there a *level* is chosen, an amount
that no operator's working memory may exceed, and it is used at all points. The least level that
is allowed is the maximum.

Exact reductions, U and L being the sums of the largest and least amounts of all choices at a point:
1. A stage whose factors, units and recomputed units are all reached by another stage never decides.
2. A point with U + (largest level) within every capacity is always met.
3. Levels that fit with U at all their points are alike, and the largest of them stands for all;
   levels that do not fit with L at some point of a hard capacity are never chosen.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from solver.cost.collectives import Floats
from solver.sharding.lower.blocks import GATHERED, Rates, undominated
from solver.sharding.lower.rates import store_factors
from solver.sharding.lower.tables import SAVED, Tables
from solver.sharding.problem import Labels
from solver.sharding.terms import StageTerms
from solver.stages.pattern import PARTS

GUARD = 1e-12
"""Relative rounding of sums of bytes; no reduction rests on less."""
NOBODY = (None,)


@dataclass(frozen=True, slots=True, eq=False)
class MemoryLimit:
    """Bytes that may be used at every point, and the price of a byte more (infinity: hard)."""

    name: str
    capacity: float
    price: float


@dataclass(frozen=True, slots=True, eq=False)
class Level:
    """Amounts of working memory to choose from (ascending), used at all of `points`; none of the
    operators `nodes` may need more."""

    amounts: Floats
    points: Labels
    nodes: tuple[int, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Memory:
    """The factors at every point, and the levels beside them."""

    rates: Rates
    levels: tuple[Level, ...]


@dataclass(frozen=True, slots=True)
class _Point:
    """A stage, a class that gathers, and a class of which a unit is recomputed, its inputs as those
    of `part`; None: no unit does."""

    stage: int
    gathers: int | None
    rebuilt: tuple[int, str] | None


def memory(tables: Tables, terms: StageTerms, limits: Sequence[MemoryLimit]) -> Memory | None:
    """The points that can matter under these limits; None when everything fits everywhere."""
    points = _points(tables, terms)
    rates = _rates(tables, terms, points)
    least, most = _extremes(tables, rates)
    groups = _working(tables, terms, points)
    room = min(limit.capacity for limit in limits)
    hard = min((x.capacity for x in limits if math.isinf(x.price)), default=math.inf)
    top = np.zeros(len(points))
    for level in groups:
        top[level.points] = level.amounts[-1]
    kept = np.flatnonzero((most + top) * (1 + GUARD) > room)
    if not len(kept):
        return None
    number = np.full(len(points), -1, dtype=np.intp)
    number[kept] = np.arange(len(kept))
    levels = []
    for level in groups:
        here = level.points[number[level.points] >= 0]
        if len(here):
            alike = room - most[here].max() * (1 + GUARD)
            ceiling = hard - least[here].max() * (1 - GUARD)
            amounts = _trimmed(level.amounts, alike, ceiling)
            levels.append(Level(amounts, number[here], level.nodes))
    return Memory(rates.take(kept), tuple(levels))


def _trimmed(amounts: Floats, alike: float, ceiling: float) -> Floats:
    """Reduction 3; one level always stays."""
    first = max(0, int(np.searchsorted(amounts, alike, side="right")) - 1)
    last = int(np.searchsorted(amounts, ceiling, side="right"))
    return amounts[first : max(last, first + 1)]


# ---- points --------------------------------------------------------------------------------


def _points(tables: Tables, terms: StageTerms) -> list[_Point]:
    """Stage by stage every combination of a class that gathers and one that is recomputed."""
    present, again = terms.counts.units[:, :, 0] > 0, terms.counts.again > 0
    gathering = {s.unit_class for s in tables.stores if GATHERED in s.figures.layers}
    vectors = [terms.memory, terms.held_memory, present, again[:, :, 1:]]
    flat = np.concatenate([x.reshape(len(present), -1) for x in vectors], axis=1)
    points = []
    for s in undominated(flat).tolist():
        gathers = [c for c in sorted(gathering) if present[s, c]]
        pairs = itertools.product(_rebuilt(tables, again[s]) or NOBODY, gathers or NOBODY)
        points += [_Point(s, g, r) for r, g in pairs]
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


def _extremes(tables: Tables, rates: Rates) -> tuple[Floats, Floats]:
    """[point]: no selection takes less, or more."""
    least, most = np.zeros(len(rates)), np.zeros(len(rates))
    for block, factors in tables.blocks(rates):
        own = factors[:, block.layers]
        least += own @ block.least
        most += own @ block.most
    return least, most


# ---- working memory ------------------------------------------------------------------------


def _working(tables: Tables, terms: StageTerms, points: Sequence[_Point]) -> list[Level]:
    """For every set of classes that a stage holds, the levels above what is needed anyway."""
    present = terms.counts.units[:, :, 0] > 0
    needing = [n for n, node in enumerate(tables.nodes) if node.working.any()]
    groups: dict[tuple[int, ...], list[int]] = {}
    for p, point in enumerate(points):
        nodes = tuple(n for n in needing if present[point.stage, tables.nodes[n].unit_class])
        groups.setdefault(nodes, []).append(p)
    levels = []
    for nodes, where in groups.items():
        if nodes:
            floor = max(tables.nodes[n].working.min() for n in nodes)
            amounts = np.unique(np.concatenate([tables.nodes[n].working for n in nodes]))
            points_ = np.array(where, dtype=np.intp)
            levels.append(Level(amounts[amounts >= floor], points_, nodes))
    return levels


def needed(level: Level, working: Floats) -> Labels:
    """The number of the least level that covers each amount (their count: none does)."""
    return np.searchsorted(level.amounts, working)
