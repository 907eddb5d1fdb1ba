"""The capacity rows of the exact model: one per point of a resource that can bind.

Only the largest set of points matters: of neighbouring points with the same loads the one with the
least capacity, and only where the largest loads together exceed it. What every choice takes at
least is taken off the capacity first, so the cheapest strategies have no coefficient.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from solver.engine.problem import Floats, Labels


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
    least = _totals([(load, load.amounts.min()) for load in loads], len(capacity))
    most = _totals([(load, load.amounts.max()) for load in loads], len(capacity))
    points = np.flatnonzero(most > capacity)
    if not points.size:
        return
    varying = [load for load in loads if load.amounts.min() < load.amounts.max()]
    starts = np.array([load.start for load in varying])
    stops = np.array([load.stop for load in varying])
    seen: dict[bytes, int] = {}
    for point in points[np.argsort((capacity - least)[points], kind="stable")].tolist():
        present = np.flatnonzero((starts <= point) & (stops > point))
        if seen.setdefault(present.tobytes(), point) == point:
            room = int(capacity[point] - least[point])
            yield _row([varying[k] for k in present.tolist()], room)


def _totals(amounts: list[tuple[Load, float]], points: int) -> Floats:
    """Per point, the sum of these amounts of the loads there."""
    step = np.zeros(points + 1)
    for load, amount in amounts:
        step[load.start] += amount
        step[load.stop] -= amount
    return np.cumsum(step)[:-1]


def _row(loads: list[Load], room: int) -> Row:
    if not loads:
        return Row([], [], room, 0)
    literals = np.concatenate([load.literals for load in loads])
    above = np.concatenate([load.amounts - load.amounts.min() for load in loads])
    kept, place = np.unique(literals, return_inverse=True)
    sums = np.bincount(place, weights=above)
    used = sums > 0
    most = int(sum(load.amounts.max() - load.amounts.min() for load in loads))
    return Row(kept[used].tolist(), sums[used].astype(np.int64).tolist(), room, most)
