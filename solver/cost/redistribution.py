"""From one layout of a tensor to another: which collectives, how many bytes, how long.

The state of a tensor is one small integer per sharding sub-axis: the dimension it cuts, or
`NONE`, or `PARTIAL` (solver/README.md sections 2 and 3). Sets of sub-axes are bit masks, so that
what a set costs is looked up rather than computed for every pair of states.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from dsl.spec import SubAxis
from solver.cost.collectives import (
    Floats,
    LinkGroup,
    all_to_all_seconds,
    degrees_of,
    link_groups,
    scatter_seconds,
)

States = npt.NDArray[np.int8]  # [..., sub-axis]
Masks = npt.NDArray[np.int64]
NONE, PARTIAL = 14, 15
SLICE, WIDEN, SCATTER, REDUCE, EXCHANGE, GATHER = range(6)
STAY = -1
COLLECTIVE_NAMES = {
    SCATTER: "reduce_scatter",
    REDUCE: "all_reduce",
    EXCHANGE: "all_to_all",
    GATHER: "all_gather",
}
MOST_SUB_AXES = 20  # three masks share one 64-bit word


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
    """The sharding sub-axes as collectives see them. Arrays over all sets of sub-axes (bit masks):
    `degree`, seconds per byte and latency of a reduce-scatter or all-gather (`scatter_*`), and of
    an all-to-all (`exchange_*`)."""

    sizes: npt.NDArray[np.int64]
    groups: tuple[LinkGroup, ...]
    degree: Floats
    scatter_rate: Floats
    scatter_latency: Floats
    exchange_rate: Floats
    exchange_latency: Floats

    def local_elements(self, states: States, elements: float) -> Floats:
        """Elements on one device of a tensor of `elements` in these states."""
        cut = np.where(states < NONE, self.sizes, 1)
        pieces: Floats = np.prod(cut, axis=-1).astype(np.float64)
        return elements / pieces


def make_wires(parts: Sequence[SubAxis]) -> Wires:
    """The wires of these sharding sub-axes, in mesh order."""
    sizes = np.array([p.size for p in parts], dtype=np.int64)
    groups = link_groups(parts)
    masks = np.arange(1 << len(parts))
    members = (masks[:, None] >> np.arange(len(parts))) & 1 == 1
    degrees = degrees_of(groups, sizes, members)
    one, none = np.ones(len(masks)), np.zeros(len(masks))
    return Wires(
        sizes,
        groups,
        np.prod(np.where(members, sizes, 1), axis=-1).astype(np.float64),
        scatter_seconds(groups, degrees, one, bucketed=True),
        scatter_seconds(groups, degrees, none),
        all_to_all_seconds(groups, degrees, one) - all_to_all_seconds(groups, degrees, none),
        all_to_all_seconds(groups, degrees, none),
    )


@dataclass(frozen=True, slots=True)
class Steps:
    """The collectives of a redistribution; arrays over whatever was broadcast.

    `members[code]` is the set of sub-axes, `volume` and `seconds` are per collective, in the order
    they run (zero where that collective has no sub-axis).
    """

    members: dict[int, Masks]
    volume: dict[int, Floats]
    seconds: dict[int, Floats]

    @property
    def total_seconds(self) -> Floats:
        """All of them one after the other."""
        return np.asarray(sum(self.seconds.values()), dtype=np.float64)


def _members(source: States, target: States) -> dict[int, Masks]:
    """For every kind of step, the set of sub-axes that take it."""
    width = source.shape[-1]
    if width > MOST_SUB_AXES:
        raise ValueError(f"more than {MOST_SUB_AXES} sharding sub-axes")
    shape = np.broadcast_shapes(source.shape[:-1], target.shape[:-1])
    words = [np.zeros(shape, dtype=np.int64), np.zeros(shape, dtype=np.int64)]
    for a in range(width):
        bits = np.zeros((2, 16, 16), dtype=np.int64)
        for code in range(6):
            bits[code // 3][code == _TRANSITION] |= 1 << (code % 3 * width + a)
        here, there = source[..., a], target[..., a]
        words[0] |= bits[0][here, there]
        words[1] |= bits[1][here, there]
    full = (1 << width) - 1
    return {code: (words[code // 3] >> (code % 3 * width)) & full for code in range(6)}


def redistribute(source: States, target: States, whole: float, wires: Wires) -> Steps:
    """Steps from `source` to `target` (broadcast against each other, last axis: sub-axes).

    `whole` are the bytes of the tensor in a micro-batch, before any cut.
    """
    members = _members(source, target)
    size = {code: wires.degree[mask] for code, mask in members.items()}
    current = wires.local_elements(source, whole) * size[WIDEN] / size[SLICE]
    volume: dict[int, Floats] = {}
    seconds: dict[int, Floats] = {}
    for code in (SCATTER, REDUCE, EXCHANGE, GATHER):
        mask = members[code]
        if code == GATHER:
            current = current * size[GATHER]
        volume[code] = current
        if code == EXCHANGE:
            seconds[code] = current * wires.exchange_rate[mask] + wires.exchange_latency[mask]
        else:
            once = current * wires.scatter_rate[mask] + wires.scatter_latency[mask]
            seconds[code] = 2 * once if code == REDUCE else once
        if code == SCATTER:
            current = current / size[SCATTER]
    return Steps(members, volume, seconds)


def same_cuts(left: States, right: States) -> npt.NDArray[np.bool_]:
    """Whether two states cut the same dimensions by the same sub-axes."""
    a, b = np.minimum(left, NONE), np.minimum(right, NONE)
    return np.asarray(np.all(a == b, axis=-1))


def to_states(rows: Sequence[Sequence[int]], width: int) -> States:
    """A state array from rows of integers; keeps the width when there are no sub-axes."""
    return np.asarray(rows, dtype=np.int8).reshape(len(rows), width)
