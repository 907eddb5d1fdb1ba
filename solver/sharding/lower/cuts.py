"""Cuts from schedules: one of several durations is smaller than it was, or the step is as long.

A makespan never falls when no duration falls, and it shrinks by a factor when all durations (and
delays) do. So for every share `t` below one: either some duration of the cut is at most `t` times
its value, or the makespan is at least `t` times that of the cut. `SMALLER` is close enough to one
to lose nothing that is reported, and far enough that the selection from which a cut comes never
passes for smaller than itself by rounding.

Each cut is a node with one strategy per duration, "this one is smaller", and one for "as long". A
hard resource has a point for every duration of every cut: its use is the duration, its capacity the
least that no selection exceeds, and the cut's node fills what is between the smaller duration and
that capacity when it says that this one is smaller.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from solver.cost.collectives import Floats
from solver.sharding.lower.blocks import GATHERED, SHARED, Rates
from solver.sharding.lower.rates import store_factors
from solver.sharding.lower.tables import Tables
from solver.sharding.problem import Labels
from solver.sharding.terms import Cut, CutPart

SMALLER = 1 - 1e-6
ROUNDED = 1 + 1e-9


@dataclass(frozen=True, slots=True, eq=False)
class CutPoints:
    """The durations of several cuts, [point]; those that are the same function of the choices stand
    together.

    `most` is what no selection exceeds, `smaller` what a smaller duration is at most. `sent` are
    (start, stop, node, seconds per strategy of the problem). `points[cut]` are the points of a
    cut that can be smaller at all; `least[cut]` seconds the step takes when none of them is.
    """

    rates: Rates
    most: Floats
    smaller: Floats
    sent: tuple[tuple[int, int, int, Floats], ...]
    points: tuple[Labels, ...]
    least: Floats

    def capacity(self) -> Floats:
        """[point] seconds; sums rounded up are still below."""
        return np.maximum(self.most * ROUNDED, self.smaller)

    def filling(self, cut: int, point: int) -> Floats:
        """[strategy] seconds that a cut's node takes at one of its points: a number of the point
        among the cut's, or "as long" as the last."""
        where = self.points[cut]
        return np.where(
            np.arange(len(where) + 1) == np.flatnonzero(where == point)[0],
            self.capacity()[point] - self.smaller[point],
            0.0,
        )


def cut_points(tables: Tables, cuts: Sequence[Cut]) -> CutPoints:
    """The points of some cuts."""
    same: dict[tuple[object, ...], list[tuple[int, CutPart]]] = {}
    for number, cut in enumerate(cuts):
        for part in cut.parts:
            if part.value > 0:  # nothing is smaller than zero
                same.setdefault(_function(part), []).append((number, part))
    owners: list[int] = []
    smaller: list[float] = []
    sent: list[tuple[int, int, int, Floats]] = []
    firsts: list[CutPart] = []
    for uses in same.values():
        start, stop = len(owners), len(owners) + len(uses)
        part = uses[0][1]
        owners += [number for number, _ in uses]
        smaller += [SMALLER * p.value for _, p in uses]
        sent += [(start, stop, node, seconds) for node, seconds in part.sent.items()]
        firsts += [part] * len(uses)
    rates = _rates(tables, firsts)
    return CutPoints(
        rates,
        _most(tables, rates, sent),
        np.array(smaller),
        tuple(sent),
        tuple(np.flatnonzero(np.array(owners) == k) for k in range(len(cuts))),
        np.array([SMALLER * cut.makespan for cut in cuts]),
    )


def _function(part: CutPart) -> tuple[object, ...]:
    """What tells functions of the choices apart."""
    sent = tuple((node, seconds.tobytes()) for node, seconds in sorted(part.sent.items()))
    exchanged = tuple(sorted(part.exchanged.items()))
    gathered = tuple(sorted(part.gathered.items()))
    return part.factors.tobytes(), part.held.tobytes(), sent, exchanged, gathered


def _rates(tables: Tables, parts: Sequence[CutPart]) -> Rates:
    classes, stores = len(tables.problem.classes), len(tables.problem.stores)
    width = tables.problem.kinds.width
    units = np.array([p.factors for p in parts]).reshape(len(parts), classes, 3, width)
    held = np.array([p.held for p in parts]).reshape(len(parts), stores, width)
    factors = store_factors(tables.problem, units, held)
    for point, part in enumerate(parts):
        for store, rate in part.exchanged.items():
            factors[point, store, SHARED] = rate
        for store, rate in part.gathered.items():
            factors[point, store, GATHERED] = rate
    return Rates(units, units[:, :, 0], factors)


def _most(tables: Tables, rates: Rates, sent: Sequence[tuple[int, int, int, Floats]]) -> Floats:
    most = np.zeros(len(rates))
    for block, factors in tables.blocks(rates):
        most += factors[:, block.layers] @ block.most
    for start, stop, node, seconds in sent:
        most[start:stop] += seconds[tables.nodes[node].kept].max()
    return most
