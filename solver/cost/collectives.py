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

Floats = npt.NDArray[np.float64]
Kind = Literal["scatter", "reduce", "exchange"]
KINDS: tuple[Kind, ...] = ("scatter", "reduce", "exchange")
"""Reduce-scatter and all-gather (of the whole buffer), all-reduce, all-to-all."""

CHOSEN = 3
"""The first ways of a collective: the library takes that of least expected time among them. Of the
others it takes the fastest."""

# More devices than any node has: no group can reach the rate of all network cards of a node.
_UNBOUNDED = 1 << 30


@dataclass(frozen=True, slots=True)
class LinkGroup:
    """Sub-axes (positions in the sharding sub-axes) that share a link."""

    link: Link
    positions: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Ways:
    """Of one kind of collective: `lines` [case, way, (expected start, start, seconds per byte)],
    and `bucketed` [case], seconds per byte where buckets make starts small."""

    lines: Floats
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
    return Ways(_stacked([line(times * start, times * pace)], []), times * pace)


def described_ways(
    groups: Sequence[LinkGroup], degrees: Floats, kind: Kind, device: DevicePhysics
) -> Ways:
    """The same on a described device. Its first link is that inside a node; among the others that
    a case uses the slowest decides."""
    inside = [group.link.name == device.inner.name for group in groups]
    ranks = np.prod(np.where(inside, degrees, 1.0), axis=1)
    nodes = np.prod(np.where(inside, 1.0, degrees), axis=1)
    others = [i for i, is_inside in enumerate(inside) if not is_inside]
    others.sort(key=lambda i: groups[i].link.bandwidth)
    first = [next((i for i in others if row[i] > 1), -1) for row in degrees]
    found: Ways | None = None
    for number in dict.fromkeys(first):
        outer = link_physics(groups[number].link) if number >= 0 else device.inner
        memory = device.memory_bandwidth_bytes_per_s
        fabric = Fabric(device.inner, outer, _UNBOUNDED, _UNBOUNDED, memory)
        made = _described(ranks, nodes, fabric, kind)
        if found is None:
            found = made
        here = np.array(first) == number
        found = Ways(
            np.where(here[:, None, None], made.lines, found.lines),
            np.where(here, made.bucketed, found.bucketed),
        )
    assert found is not None  # the empty set is a case of its own
    return found


def _described(ranks: Floats, nodes: Floats, fabric: Fabric, kind: Kind) -> Ways:
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
    lines = _stacked(chosen, others)
    alone = ranks * nodes <= 1
    lines[alone] = 0.0
    return Ways(lines, np.where(alone, 0.0, bucketed))


def _stacked(chosen: Sequence[Line], others: Sequence[Line]) -> Floats:
    """[case, way, ...] with `CHOSEN` ways to choose from; those that there are not start never."""
    shape = chosen[0].s_per_byte.shape
    never = line(np.full(shape, np.inf), np.zeros(shape))
    rows = [*chosen, *[never] * (CHOSEN - len(chosen)), *others]
    columns = [np.stack([np.broadcast_to(value, shape) for value in row], axis=-1) for row in rows]
    return np.stack(columns, axis=1)


def line_seconds(lines: Floats, size_bytes: Floats) -> Floats:
    """Seconds of collectives of `size_bytes` [...] with the ways `lines` [..., way, 3]."""
    moving = size_bytes[..., None] * lines[..., 2]
    expected = lines[..., :CHOSEN, 0] + moving[..., :CHOSEN]
    taken = lines[..., :CHOSEN, 1] + moving[..., :CHOSEN]
    best = np.argmin(expected, axis=-1)[..., None]
    seconds = np.take_along_axis(taken, best, axis=-1)[..., 0]
    if lines.shape[-2] > CHOSEN:
        others = lines[..., CHOSEN:, 1] + moving[..., CHOSEN:]
        seconds = np.minimum(seconds, others.min(axis=-1))
    found: Floats = seconds
    return found
