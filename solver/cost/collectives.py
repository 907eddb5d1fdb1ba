"""Ways of every collective over sets of sub-axes (README section 4), by the degrees of the sets.

On an ideal device a collective has one way: alpha-beta, hierarchical by link, by recursive halving
and doubling (Thakur, Rabenseifner & Gropp, "Optimization of Collective Communication Operations in
MPICH", 2005). On a described one it has those of `solver.cost.physics.collectives`, among ranks of
a node and nodes; every device of the mesh communicates at the same time, so each has its own share
of the network.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from dsl.spec import Link, SubAxis
from solver.cost.physics.exchange import exchange_line
from solver.cost.physics.lines import Line, line
from solver.cost.physics.links import Fabric
from solver.cost.physics.parameters import DevicePhysics, link_physics
from solver.cost.physics.ring import ring_lines
from solver.cost.physics.switch_reduction import switch_line
from solver.cost.physics.tree import tree_lines
from solver.cost.pieces import pieces_of

Floats = npt.NDArray[np.float64]
Kind = Literal["scatter", "reduce", "exchange"]
KINDS: tuple[Kind, ...] = ("scatter", "reduce", "exchange")
"""Reduce-scatter and all-gather (of the whole buffer), all-reduce, all-to-all."""

# More devices than any node has: no group can reach the rate of all network cards of a node.
_UNBOUNDED = 1 << 30


@dataclass(frozen=True, slots=True)
class LinkGroup:
    """Sub-axes (positions in the sharding sub-axes) that share a link."""

    link: Link
    positions: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Ways:
    """Of one kind of collective, by case: `pieces` (`solver.cost.pieces`), and `bucketed`, seconds
    per byte where buckets make starts small."""

    pieces: Floats
    bucketed: Floats


def link_groups(parts: Sequence[SubAxis]) -> tuple[LinkGroup, ...]:
    """The sub-axes by link, innermost link first."""
    found: dict[Link, list[int]] = {}
    for position in range(len(parts) - 1, -1, -1):
        found.setdefault(parts[position].link, []).append(position)
    return tuple(LinkGroup(link, tuple(sorted(p))) for link, p in found.items())


def ideal_ways(groups: Sequence[LinkGroup], degrees: Floats, kind: Kind) -> Ways:
    """Ways over cases of `degrees` [case, link group]: participants over each link (1: none)."""
    start, pace = np.zeros(len(degrees)), np.zeros(len(degrees))
    share = np.ones(len(degrees))  # of the buffer, that is left for the next link
    for number, group in enumerate(groups):
        degree = degrees[:, number]
        start += np.ceil(np.log2(degree) - 1e-9) * group.link.latency
        pace += share * (degree - 1) / degree / group.link.bandwidth
        if kind != "exchange":
            share = share / degree
    times = 2 if kind == "reduce" else 1
    return Ways(pieces_of([line(times * start, times * pace)], [], False), times * pace)


def described_ways(
    groups: Sequence[LinkGroup],
    degrees: Floats,
    kind: Kind,
    device: DevicePhysics,
    is_bound: bool,
) -> Ways:
    """The same on a described device. Its first link is that inside a node; among the others that
    a case uses the slowest decides. `is_bound`: nothing takes longer, and seconds are concave."""
    inside = [group.link.name == device.inner.name for group in groups]
    ranks = np.prod(np.where(inside, degrees, 1.0), axis=1)
    nodes = np.prod(np.where(inside, 1.0, degrees), axis=1)
    others = [i for i, is_inside in enumerate(inside) if not is_inside]
    others.sort(key=lambda i: groups[i].link.bandwidth)
    first = [next((i for i in others if row[i] > 1), -1) for row in degrees]
    rows: dict[int, tuple[Floats, float]] = {}
    for number in dict.fromkeys(first):
        outer = link_physics(groups[number].link) if number >= 0 else device.inner
        memory = device.memory_bandwidth_bytes_per_s
        fabric = Fabric(device.inner, outer, _UNBOUNDED, _UNBOUNDED, memory)
        here = np.flatnonzero(np.array(first) == number)
        made = _described(ranks[here], nodes[here], fabric, kind, is_bound)
        rows |= {case: (made.pieces[i], made.bucketed[i]) for i, case in enumerate(here.tolist())}
    width = max(len(pieces) for pieces, _ in rows.values())
    pieces = np.zeros((len(rows), width, 3))
    pieces[:, :, 0] = np.inf
    for case, (own, _) in rows.items():
        pieces[case, : len(own)] = own
    return Ways(pieces, np.array([rows[case][1] for case in range(len(rows))]))


def _described(ranks: Floats, nodes: Floats, fabric: Fabric, kind: Kind, is_bound: bool) -> Ways:
    group = (ranks, nodes, 1.0, fabric)
    if kind == "exchange":
        chosen: tuple[Line, ...] = (exchange_line(*group),)
        others: tuple[Line, ...] = ()
        bucketed = chosen[0].s_per_byte
    else:
        chosen = ring_lines(2 if kind == "reduce" else 1, *group)
        others = (*tree_lines(*group), switch_line(*group)) if kind == "reduce" else ()
        able = [np.where(np.isinf(way.start_s), np.inf, way.s_per_byte) for way in others]
        bucketed = np.minimum.reduce([chosen[-1].s_per_byte, *able])
    pieces = pieces_of(chosen, others, is_bound)
    alone = ranks * nodes <= 1
    pieces[alone, 0, 1:] = 0.0
    pieces[alone, 1:, 0] = np.inf
    return Ways(pieces, np.where(alone, 0.0, bucketed))
