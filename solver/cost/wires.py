"""The sharding sub-axes of a split as collectives see them, by sets of sub-axes (bit masks).

Sets with the same degrees over every link are one *case*: what it costs is made once and looked up.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from dsl.spec import SubAxis
from solver.cost.collectives import (
    KINDS,
    Floats,
    Kind,
    described_ways,
    ideal_ways,
    link_groups,
)
from solver.cost.physics.parameters import DevicePhysics
from solver.cost.pieces import seconds_of, stacked

Bools = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.int64]
States = npt.NDArray[np.int8]  # [..., sub-axis]: a dimension, NONE or PARTIAL
NONE, PARTIAL = 14, 15


@dataclass(frozen=True, slots=True)
class Wires:
    """`sizes` of the sub-axes; by set its `degree` (how many devices) and its `case`; `pieces`
    [kind, case, piece, 3] and `paces` [kind, case] of buckets, by number of the kind in `KINDS`."""

    sizes: Ints
    degree: Floats
    case: Ints
    pieces: Floats
    paces: Floats

    def of(self, members: Bools) -> Ints:
        """Sets as bit masks, from [..., sub-axis] whether it takes part."""
        bits: Ints = members @ (1 << np.arange(len(self.sizes), dtype=np.int64))
        return bits

    def seconds(self, kind: Kind, members: Bools, volume: Floats) -> Floats:
        """Of collectives of `volume` bytes [...] over sets [..., sub-axis]; none take no time."""
        return seconds_of(self.pieces[KINDS.index(kind)][self.case[self.of(members)]], volume)

    def bucketed(self, kind: Kind, members: Bools, volume: Floats) -> Floats:
        """Likewise, in buckets that make starts small."""
        pace: Floats = self.paces[KINDS.index(kind)][self.case[self.of(members)]]
        return volume * pace

    def local_elements(self, states: States, elements: float) -> Floats:
        """Elements on one device of a tensor of `elements` in these states."""
        cut = np.where(states < NONE, self.sizes, 1)
        pieces: Floats = np.prod(cut, axis=-1).astype(np.float64)
        return elements / pieces


def make_wires(
    parts: Sequence[SubAxis], device: DevicePhysics | None, is_bound: bool = False
) -> Wires:
    """The wires of these sharding sub-axes, in mesh order, on a device (None: an ideal one). With
    `is_bound` nothing takes longer, and times are concave in the bytes."""
    sizes = np.array([p.size for p in parts], dtype=np.int64)
    groups = link_groups(parts)
    masks = np.arange(1 << len(parts))
    members = (masks[:, None] >> np.arange(len(parts))) & 1 == 1
    by_link = np.ones((len(masks), len(groups)))
    for number, group in enumerate(groups):
        there = members[:, group.positions]
        by_link[:, number] = np.prod(np.where(there, sizes[list(group.positions)], 1), axis=-1)
    if groups:
        cases, case = np.unique(by_link, axis=0, return_inverse=True)
    else:
        cases, case = by_link, np.zeros(1, dtype=np.int64)
    if device is None:
        ways = [ideal_ways(groups, cases, kind) for kind in KINDS]
    else:
        ways = [described_ways(groups, cases, kind, device, is_bound) for kind in KINDS]
    return Wires(
        sizes,
        np.prod(by_link, axis=1),
        case.reshape(-1).astype(np.int64),
        stacked([own.pieces for own in ways]),
        np.stack([own.bucketed for own in ways]),
    )
