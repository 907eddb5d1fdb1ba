"""The sharding sub-axes of a split as collectives see them, by sets of sub-axes (bit masks).

Sets with the same degrees over every link are one *case*: what it costs is made once and looked up.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from dsl.spec import SubAxis
from solver.cost.collectives import (
    KINDS,
    Floats,
    Kind,
    Ways,
    described_ways,
    ideal_ways,
    line_seconds,
    link_groups,
)
from solver.cost.physics.parameters import DevicePhysics

Bools = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.int64]
States = npt.NDArray[np.int8]  # [..., sub-axis]: a dimension, NONE or PARTIAL
NONE, PARTIAL = 14, 15


@dataclass(frozen=True, slots=True)
class Wires:
    """`sizes` of the sub-axes; by set its `degree` (how many devices) and its `case`; by kind of
    collective its `ways`, by case."""

    sizes: Ints
    degree: Floats
    case: Ints
    ways: Mapping[Kind, Ways]

    def of(self, members: Bools) -> Ints:
        """Sets as bit masks, from [..., sub-axis] whether it takes part."""
        bits: Ints = members @ (1 << np.arange(len(self.sizes), dtype=np.int64))
        return bits

    def seconds(self, kind: Kind, members: Bools, volume: Floats) -> Floats:
        """Of collectives of `volume` bytes [...] over sets [..., sub-axis]; none take no time."""
        return line_seconds(self.ways[kind].lines[self.case[self.of(members)]], volume)

    def bucketed(self, kind: Kind, members: Bools, volume: Floats) -> Floats:
        """Likewise, in buckets that make starts small."""
        pace: Floats = self.ways[kind].bucketed[self.case[self.of(members)]]
        return volume * pace

    def local_elements(self, states: States, elements: float) -> Floats:
        """Elements on one device of a tensor of `elements` in these states."""
        cut = np.where(states < NONE, self.sizes, 1)
        pieces: Floats = np.prod(cut, axis=-1).astype(np.float64)
        return elements / pieces


def make_wires(parts: Sequence[SubAxis], device: DevicePhysics | None) -> Wires:
    """The wires of these sharding sub-axes, in mesh order, on a device (None: an ideal one)."""
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
        ways = {kind: ideal_ways(groups, cases, kind) for kind in KINDS}
    else:
        ways = {kind: described_ways(groups, cases, kind, device) for kind in KINDS}
    return Wires(sizes, np.prod(by_link, axis=1), case.reshape(-1).astype(np.int64), ways)


def least(wires: Wires) -> Wires:
    """Wires on which nothing takes longer, and whose times are concave in the bytes: the fastest
    way is taken instead of the one that the library expects to be."""
    ways = {}
    for kind, own in wires.ways.items():
        lines = own.lines.copy()
        lines[..., 0] = lines[..., 1]
        ways[kind] = Ways(lines, own.bucketed)
    return Wires(wires.sizes, wires.degree, wires.case, ways)
