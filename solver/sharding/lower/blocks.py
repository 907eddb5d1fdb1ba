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
"""Of a storage option: every `Quantity`, bytes gathered, bytes that stages exchange; and behind
these the other blocks of several kinds of devices (`solver.cost.kinds`)."""


@dataclass(frozen=True, slots=True, eq=False)
class Block:
    """Quantities of a choice, whose strategies (or pairs of labels) have this `shape`.

    `cells` is [layer, strategy or pair], where layer i is quantity `layers[i]`; the others are
    zero. `most` is [layer]: the largest cells; `least` the smallest.
    """

    layers: Labels
    cells: Floats
    shape: tuple[int, ...]
    most: Floats
    least: Floats

    def cost(self, factors: Floats) -> Floats:
        """The function with these factors ([quantity]), cell by cell."""
        return (factors[self.layers] @ self.cells).reshape(self.shape)

    def uses(self, factors: Floats) -> Iterator[tuple[int, int, Floats]]:
        """[point, quantity] factors as (start, stop, amounts), points that are alike together and
        those without any amount left out."""
        own = factors[:, self.layers]
        starts = [0, *(np.flatnonzero((own[1:] != own[:-1]).any(axis=1)) + 1).tolist()]
        stops = [*starts[1:], len(own)]
        for start, stop, amounts in zip(starts, stops, own[starts] @ self.cells, strict=True):
            if amounts.any():
                yield start, stop, amounts.reshape(self.shape)

    def is_free(self, factors: Floats) -> bool:
        """Whether [point, quantity] factors leave nothing at any point."""
        return not factors[:, self.layers].any()


def block(table: Floats, layers: Labels | None = None) -> Block:
    """A block from [quantity, ...], or from [layer, ...] and what the layers are; layers without
    any amount are left out."""
    shape = table.shape[1:]
    flat = table.reshape(len(table), math.prod(shape))
    used = np.flatnonzero(flat.any(axis=1))
    numbers = used if layers is None else layers[used]
    cells = flat if len(used) == len(flat) else flat[used]
    most = cells.max(axis=1, initial=0.0)
    return Block(numbers, cells, shape, most, cells.min(axis=1, initial=math.inf))


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
