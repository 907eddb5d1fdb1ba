"""Linear functions of quantities, applied to all strategies of a choice at once.

What a choice costs or takes at a *point* (a row of times, a moment of a stage, a part of a cut) is
a sum over quantities of a factor times the quantity. Factors and quantities are never negative.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from solver.cost.collectives import Floats
from solver.cost.quantities import COUNT
from solver.sharding.problem import Labels

GATHERED, SHARED = COUNT, COUNT + 1
FIGURES = COUNT + 2
"""Of a storage option: every `Quantity`, bytes gathered, bytes that stages exchange."""


@dataclass(frozen=True, slots=True, eq=False)
class Block:
    """Quantities of a choice: `cells` is [layer, ...], where layer i is quantity `layers[i]`; the
    others are zero. `most` is [layer]: the largest cells; `least` the smallest."""

    layers: Labels
    cells: Floats
    most: Floats
    least: Floats

    def cost(self, factors: Floats) -> Floats:
        """The function with these factors ([quantity]), cell by cell."""
        return np.asarray(np.tensordot(factors[self.layers], self.cells, axes=1))

    def uses(self, factors: Floats) -> Iterator[tuple[int, int, Floats]]:
        """[point, quantity] factors as (start, stop, amounts), points that are alike together and
        those without any amount left out."""
        own = factors[:, self.layers]
        changes = np.flatnonzero((own[1:] != own[:-1]).any(axis=1)) + 1
        starts = np.concatenate([[0], changes])
        stops = np.concatenate([changes, [len(own)]])
        for start, stop in zip(starts.tolist(), stops.tolist(), strict=True):
            if own[start].any():
                amounts = np.tensordot(own[start], self.cells, axes=1)
                if amounts.any():
                    yield start, stop, amounts

    def is_free(self, factors: Floats) -> bool:
        """Whether [point, quantity] factors leave nothing at any point."""
        return not factors[:, self.layers].any()


def block(table: Floats, layers: Labels | None = None) -> Block:
    """A block from [quantity, ...], or from [layer, ...] and what the layers are; layers without
    any amount are left out."""
    over_cells = tuple(range(1, table.ndim))
    used = np.flatnonzero(table.any(axis=over_cells))
    numbers = used if layers is None else layers[used]
    cells = table if len(used) == len(table) else table[used]
    most = cells.max(axis=over_cells, initial=0.0)
    return Block(numbers, cells, most, cells.min(axis=over_cells, initial=math.inf))


@dataclass(frozen=True, slots=True, eq=False)
class Rates:
    """Factors at every point.

    `units` is [point, class, part, quantity], `measured` [point, class, quantity] those of measured
    operators, `stores` [point, store, figure] those of parameters.
    """

    units: Floats
    measured: Floats
    stores: Floats

    def __len__(self) -> int:
        return len(self.units)

    def less(self, other: Rates) -> Rates:
        """These factors without the others ([1, ...]), which are nowhere larger."""
        return Rates(
            self.units - other.units, self.measured - other.measured, self.stores - other.stores
        )

    def common(self) -> Rates:
        """The largest factors that every point has, as one point."""
        return Rates(
            self.units.min(axis=0, keepdims=True),
            self.measured.min(axis=0, keepdims=True),
            self.stores.min(axis=0, keepdims=True),
        )

    def take(self, points: Labels) -> Rates:
        """Only these points."""
        return Rates(self.units[points], self.measured[points], self.stores[points])


def undominated(vectors: Floats) -> Labels:
    """The rows of [row, entry] that no other row reaches in every entry; of equal rows the first.

    A function with such factors is largest for every choice, so the other rows never decide a
    maximum.
    """
    kept: list[int] = []
    for i, vector in enumerate(vectors):
        reaches = (vectors >= vector).all(axis=1)
        equal = reaches & (vectors <= vector).all(axis=1)
        if not (reaches & ~equal).any() and int(np.argmax(equal)) == i:
            kept.append(i)
    return np.array(kept, dtype=np.intp)
