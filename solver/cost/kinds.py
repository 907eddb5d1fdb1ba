"""Quantities where a mesh has several kinds of devices: a block of times per kind.

Rows of a table stand `STRIDE` apart for one quantity of two kinds. Bytes are those of every kind
and stand in the block of the first. Behind the blocks of the kinds come two of bounds:

- `LEAST`: the least of all kinds. No stage takes less.
- `SHARED`: the least over kinds k of `shares[k]` times theirs, where `sum over stages of the share
  of its kind` is the number of stages. The mean over P stages of what they take is at most what the
  fullest one takes, and so is the mean weighted by shares; a unit adds the share of its kind times
  its time on that kind to it, at least the least of these. With shares in proportion to speed that
  is near the truth where no kind is much better at some operators than at others.

With one kind a table has the quantities alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from solver.cost.collectives import Floats
from solver.cost.quantities import COUNT, Quantity

BYTES = (Quantity.SAVED_B, Quantity.SAVED_W, Quantity.KEPT, Quantity.STATIC)
TIMES = tuple(quantity for quantity in Quantity if quantity not in BYTES)
STRIDE = COUNT + 2
"""The two rows left free in a block are those of `solver.sharding.lower.blocks`."""


@dataclass(frozen=True, slots=True)
class Kinds:
    """The kinds of devices of a mesh by number, as `shares` (see above)."""

    shares: tuple[float, ...] = (1.0,)

    @property
    def count(self) -> int:
        """How many there are."""
        return len(self.shares)

    @property
    def width(self) -> int:
        """Rows of a table."""
        return COUNT if self.count == 1 else STRIDE * (self.count + 2)

    @property
    def least(self) -> int:
        """The block of the least of all kinds."""
        return 0 if self.count == 1 else self.count

    @property
    def shared(self) -> int:
        """The block of the least of all kinds times their shares."""
        return 0 if self.count == 1 else self.count + 1

    def row(self, quantity: Quantity, block: int) -> int:
        """The row of a quantity."""
        return int(quantity) if quantity in BYTES else STRIDE * block + quantity

    def rows(self, quantity: Quantity) -> list[int]:
        """The rows of a quantity in every block."""
        blocks = range(1 if self.count == 1 or quantity in BYTES else self.count + 2)
        return [self.row(quantity, block) for block in blocks]

    def spread(self, quantity: Quantity, values: Sequence[Floats]) -> Mapping[int, Floats]:
        """The rows of a quantity of which every kind has a value (of bytes, the first counts)."""
        if self.count == 1 or quantity in BYTES:
            return {int(quantity): values[0]}
        weighed = [share * value for share, value in zip(self.shares, values, strict=True)]
        bounds = [np.minimum.reduce(list(values)), np.minimum.reduce(weighed)]
        return {self.row(quantity, block): value for block, value in enumerate([*values, *bounds])}

    def own(self, values: Floats, kinds: Sequence[int]) -> Floats:
        """[place, quantity] from [place, row], on the kind of each place."""
        rows = np.array([[self.row(quantity, kind) for quantity in Quantity] for kind in kinds])
        return np.take_along_axis(values, rows, axis=1)

    def stacked(self, tables: Sequence[Floats]) -> Floats:
        """One table [row, ...] from one per kind ([quantity, ...])."""
        if self.count == 1:
            return tables[0]
        result = np.zeros((self.width, *tables[0].shape[1:]))
        for quantity in Quantity:
            for row, values in self.spread(quantity, [table[quantity] for table in tables]).items():
                result[row] = values
        return result


ONE = Kinds()
