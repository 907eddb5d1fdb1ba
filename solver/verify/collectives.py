"""Seconds of collectives (`solver/README.md`, section 4): on a described device by the ways of its
communication library, on an ideal one by the alpha-beta model, link by link.

Alpha-beta is that of recursive halving and doubling: Thakur, Rabenseifner & Gropp 2005,
"Optimization of Collective Communication Operations in MPICH".
"""

from __future__ import annotations

import math
from typing import Literal

from dsl.resolve.physics_names import is_described
from dsl.spec import Device, Link, SubAxis
from solver.verify import ways
from solver.verify.kinds import slowest

Collective = Literal["all_gather", "reduce_scatter", "all_reduce", "all_to_all"]


def seconds(
    collective: Collective,
    size: float,
    parts: tuple[SubAxis, ...],
    device: Device,
    *,
    bucketed: bool = False,
) -> float:
    """Seconds of one call on `size` bytes over sub-axes in mesh order.

    `size` is the whole buffer: the result of an all-gather, the input of a reduce-scatter or
    all-to-all. `bucketed` calls pay no latency.
    """
    if not parts:
        return 0.0
    if not is_described(device.physics):
        return _ideal(collective, size, parts, bucketed=bucketed)
    group = _group(parts, device)
    if bucketed:
        return ways.bucketed_seconds(group, size, is_sum=collective == "all_reduce")
    if collective == "all_to_all":
        return ways.exchange_seconds(group, size)
    if collective == "all_reduce":
        return ways.reduce_seconds(group, size)
    return ways.gather_seconds(group, size)


def _group(parts: tuple[SubAxis, ...], device: Device) -> ways.Group:
    """Who takes part: the device's first link joins a node, the slowest of the others nodes."""
    first = device.links[0]
    inside = [part for part in parts if part.link.name == first.name]
    across = [part for part in parts if part.link.name != first.name]
    outer = slowest([part.link for part in across]) if across else first
    return ways.Group(
        ranks=math.prod(part.size for part in inside),
        nodes=math.prod(part.size for part in across),
        inner=first.physics,
        outer=outer.physics,
        memory=device.physics["memory_bandwidth_bytes_per_s"],
    )


def _ideal(
    collective: Collective, size: float, parts: tuple[SubAxis, ...], *, bucketed: bool
) -> float:
    total = 0.0
    current = size
    for link, degree in _levels(parts):
        total += current * (degree - 1) / degree / link.bandwidth
        if not bucketed:
            total += _rounds(degree) * link.latency
        if collective != "all_to_all":
            current /= degree
    return 2 * total if collective == "all_reduce" else total


def _levels(parts: tuple[SubAxis, ...]) -> list[tuple[Link, int]]:
    """Links with the number of devices each joins, innermost first."""
    levels: list[tuple[Link, int]] = []
    for part in reversed(parts):
        links = [link for link, _ in levels]
        if part.link in links:
            at = links.index(part.link)
            levels[at] = (part.link, levels[at][1] * part.size)
        else:
            levels.append((part.link, part.size))
    return levels


def _rounds(degree: int) -> int:
    """The ceiling of log2."""
    return (degree - 1).bit_length()
