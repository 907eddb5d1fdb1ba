"""The capacity rows of the exact model: one per point of a resource that can bind.

Only the largest set of points matters: of neighbouring points with the same loads the one with the
least capacity, and only where the largest loads together exceed it. What every choice takes at
least is taken off the capacity first, so the cheapest strategies have no coefficient.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from solver.engine.problem import Bools, Floats, Labels


@dataclass(frozen=True, slots=True, eq=False)
class Load:
    """What a set of literals, of which exactly one holds, takes at every point in [start, stop);
    `amounts` is [literal]."""

    start: int
    stop: int
    literals: Labels
    amounts: Floats

    def rounded(self, rounding: np.ufunc, unit: float) -> Load:
        """In whole units."""
        return Load(self.start, self.stop, self.literals, rounding(self.amounts / unit))


@dataclass(frozen=True, slots=True, eq=False)
class Row:
    """coefficients * literals <= room, where the left side is at most `most`; room may be < 0."""

    literals: list[int]
    coefficients: list[int]
    room: int
    most: int


def binding_rows(loads: list[Load], capacity: Floats) -> Iterator[Row]:
    """The rows of the points where loads (in whole units) can exceed the capacity ([point])."""
    lowest = np.array([load.amounts.min() for load in loads])
    highest = np.array([load.amounts.max() for load in loads])
    least, most = _totals(loads, lowest, len(capacity)), _totals(loads, highest, len(capacity))
    points = np.flatnonzero(most > capacity)
    if not points.size:
        return
    entries = _Entries.of(loads, lowest, highest)
    seen: set[bytes] = set()
    for point in points[np.argsort((capacity - least)[points], kind="stable")].tolist():
        present = (entries.starts <= point) & (entries.stops > point)
        key = np.packbits(present).tobytes()
        if key not in seen:
            seen.add(key)
            yield entries.row(present, int(capacity[point] - least[point]))


@dataclass(frozen=True, slots=True, eq=False)
class _Entries:
    """Every coefficient of the loads that vary, above what such a load takes at least.

    `starts`, `stops` and `spans` (how much it varies) are per load, [load]; of each coefficient
    `owner` is its load, `place` its literal among `literals`, `above` its amount, [entry].
    """

    starts: Labels
    stops: Labels
    spans: Floats
    owner: Labels
    place: Labels
    above: Floats
    literals: Labels

    @staticmethod
    def of(loads: list[Load], lowest: Floats, highest: Floats) -> _Entries:
        varying = np.flatnonzero(lowest < highest).tolist()
        parts = [loads[k] for k in varying]
        if not parts:
            nothing = np.zeros(0, dtype=np.intp)
            return _Entries(nothing, nothing, np.zeros(0), nothing, nothing, np.zeros(0), nothing)
        owner = np.repeat(np.arange(len(parts)), [len(load.amounts) for load in parts])
        above = np.concatenate([load.amounts for load in parts]) - lowest[varying][owner]
        counts = above > 0
        literals, place = np.unique(
            np.concatenate([load.literals for load in parts])[counts], return_inverse=True
        )
        return _Entries(
            np.array([load.start for load in parts]),
            np.array([load.stop for load in parts]),
            (highest - lowest)[varying],
            owner[counts],
            place.reshape(-1),
            above[counts],
            literals,
        )

    def row(self, present: Bools, room: int) -> Row:
        """The row of the loads that are present ([load])."""
        there = present[self.owner]
        sums = np.bincount(self.place[there], weights=self.above[there])
        used = np.flatnonzero(sums)
        return Row(
            self.literals[used].tolist(),
            sums[used].astype(np.int64).tolist(),
            room,
            int(self.spans[present].sum()),
        )


def _totals(loads: list[Load], amounts: Floats, points: int) -> Floats:
    """Per point, the sum of these amounts ([load]) of the loads there."""
    step = np.zeros(points + 1)
    np.add.at(step, [load.start for load in loads], amounts)
    np.subtract.at(step, [load.stop for load in loads], amounts)
    return np.cumsum(step)[:-1]
