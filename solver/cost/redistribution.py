"""From one layout of a tensor to another: which collectives, how many bytes, how long.

The state of a tensor is one small integer per sharding sub-axis: the dimension it cuts, or
`NONE`, or `PARTIAL` (solver/README.md sections 2 and 3).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from solver.cost.collectives import (
    Floats,
    LinkGroup,
    all_reduce_seconds,
    all_to_all_seconds,
    degrees_of,
    scatter_seconds,
)

States = npt.NDArray[np.int8]  # [..., sub-axis]
NONE, PARTIAL = 14, 15
STAY, SLICE, WIDEN, SCATTER, REDUCE, EXCHANGE, GATHER = range(7)
COLLECTIVE_NAMES = {
    SCATTER: "reduce_scatter",
    REDUCE: "all_reduce",
    EXCHANGE: "all_to_all",
    GATHER: "all_gather",
}


def _transition_table() -> npt.NDArray[np.int8]:
    table = np.full((16, 16), EXCHANGE, dtype=np.int8)
    table[:, NONE] = GATHER
    table[:, PARTIAL] = WIDEN
    table[NONE, :] = SLICE
    table[PARTIAL, :] = SCATTER
    table[PARTIAL, NONE] = REDUCE
    table[NONE, PARTIAL] = STAY
    np.fill_diagonal(table, STAY)
    return table


_TRANSITION = _transition_table()


@dataclass(frozen=True, slots=True)
class Wires:
    """The sharding sub-axes as collectives see them: sizes and links."""

    sizes: npt.NDArray[np.int64]
    groups: tuple[LinkGroup, ...]

    def local_elements(self, states: States, elements: float) -> Floats:
        """Elements on one device of a tensor of `elements` in these states."""
        cut = np.where(states < NONE, self.sizes, 1)
        pieces: Floats = np.prod(cut, axis=-1).astype(np.float64)
        return elements / pieces


@dataclass(frozen=True, slots=True)
class Steps:
    """The collectives of a redistribution; arrays over whatever was broadcast.

    `codes[..., a]` is the row of the table for sub-axis `a`; `volume` and `seconds` are per
    collective, in the order they run (zero where that collective has no sub-axis).
    """

    codes: npt.NDArray[np.int8]
    volume: dict[int, Floats]
    seconds: dict[int, Floats]

    @property
    def total_seconds(self) -> Floats:
        """All of them one after the other."""
        return np.asarray(sum(self.seconds.values()), dtype=np.float64)


def redistribute(source: States, target: States, elements_bytes: float, wires: Wires) -> Steps:
    """Steps from `source` to `target` (broadcast against each other, last axis: sub-axes).

    `elements_bytes` are the bytes of the whole tensor in a micro-batch, before any cut.
    """
    codes = _TRANSITION[source, target]
    sizes = wires.sizes
    before = wires.local_elements(np.broadcast_to(source, codes.shape), elements_bytes)

    def participants(code: int) -> list[Floats]:
        return degrees_of(wires.groups, sizes, codes == code)

    def product(code: int) -> Floats:
        factor: Floats = np.prod(np.where(codes == code, sizes, 1), axis=-1).astype(np.float64)
        return factor

    present = set(np.unique(codes).tolist())  # only for membership tests
    current = before * (product(WIDEN) if WIDEN in present else 1.0)
    current = current / (product(SLICE) if SLICE in present else 1.0)
    volume: dict[int, Floats] = {}
    seconds: dict[int, Floats] = {}
    zero = np.zeros_like(current)
    for code in (SCATTER, REDUCE, EXCHANGE, GATHER):
        if code not in present:
            volume[code], seconds[code] = zero, zero
            continue
        degrees = participants(code)
        if code == GATHER:
            current = current * product(GATHER)
        volume[code] = current
        seconds[code] = _SECONDS[code](wires.groups, degrees, current)
        if code == SCATTER:
            current = current / product(SCATTER)
    return Steps(codes, volume, seconds)


_SECONDS = {
    SCATTER: scatter_seconds,
    REDUCE: all_reduce_seconds,
    EXCHANGE: all_to_all_seconds,
    GATHER: scatter_seconds,
}


def same_cuts(left: States, right: States) -> npt.NDArray[np.bool_]:
    """Whether two states cut the same dimensions by the same sub-axes."""
    a, b = np.minimum(left, NONE), np.minimum(right, NONE)
    return np.asarray(np.all(a == b, axis=-1))


def unique_states(states: States) -> tuple[States, npt.NDArray[np.intp]]:
    """Distinct rows and, for each row, which of them it is."""
    if states.shape[1] == 0:
        return states[:1], np.zeros(len(states), dtype=np.intp)
    distinct, inverse = np.unique(states, axis=0, return_inverse=True)
    return distinct, inverse.reshape(-1)


def to_states(rows: Sequence[Sequence[int]], width: int) -> States:
    """A state array from rows of integers; keeps the width when there are no sub-axes."""
    return np.asarray(rows, dtype=np.int8).reshape(len(rows), width)
