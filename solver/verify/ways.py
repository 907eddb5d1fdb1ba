"""Collectives of a described device (section 4): what a communication library chooses, and takes.

A group has `ranks` devices in each of `nodes` nodes. One group at a time is priced, with plain
numbers; the search has tables of its own.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

Numbers = Mapping[str, float]

PROTOCOLS = ("ll", "ll128", "simple")
TREE_SHARES = {"ll": 1 / 8, "ll128": 0.9, "simple": 1.0}
BOARD = 8  # devices that one chain joins
SWITCH_TREE = 0.8
COPIES = 3.0


@dataclass(frozen=True, slots=True)
class Group:
    """What a collective runs among. `inner` and `outer` are what the links state, `memory` the
    peak bandwidth of a device's memory, bytes/s."""

    ranks: int
    nodes: int
    inner: Numbers
    outer: Numbers
    memory: float

    @property
    def devices(self) -> int:
        """How many take part."""
        return self.ranks * self.nodes


def gather_seconds(group: Group, size: float) -> float:
    """An all-gather or a reduce-scatter of a buffer of `size` bytes."""
    return _ring(group, size, 1)


def reduce_seconds(group: Group, size: float) -> float:
    """An all-reduce: a ring, a tree, or the switch."""
    tree = min(_tree(group, size, protocol) for protocol in PROTOCOLS)
    return min(_ring(group, size, 2), tree, _switch(group, size))


def exchange_seconds(group: Group, size: float) -> float:
    """An all-to-all of `size` bytes per device."""
    inner, outer = group.inner, group.outer
    wire = inner["bandwidth_bytes_per_s"] * inner["exchange_efficiency"]
    inside = (group.ranks - 1) / (wire * _share(inner, group.ranks))
    across = (group.devices - group.ranks) / (
        outer["bandwidth_bytes_per_s"] * outer["exchange_efficiency"]
    )
    start = inner["exchange_s"]
    if group.nodes > 1:
        start = outer["exchange_s"]
        start += (group.devices - group.ranks) * outer["exchange_message_s"]
    return start + size / group.devices * (max(inside, across) + COPIES / group.memory)


def bucketed_seconds(group: Group, size: float, *, is_sum: bool) -> float:
    """The same collectives (`is_sum`: an all-reduce) without any start: of buckets."""
    rounds = 2 if is_sum else 1
    pace = rounds * (group.devices - 1) / group.devices / _ring_rate(group, "simple")
    paces = [pace + COPIES / (group.devices * group.memory)]
    if is_sum:
        paces.append(1 / _tree_rate(group))
        if _can_switch(group):
            paces.append(1 / _switch_rate(group))
    return size * min(paces)


def _share(link: Numbers, ranks: int) -> float:
    """Rings that so many neighbours find, by those of a full node."""
    counts = {int(k.removeprefix("rings_")): v for k, v in link.items() if k.startswith("rings_")}
    if not counts or ranks < 2:
        return 1.0
    most = max(counts)
    return counts[min(ranks, most)] / counts[most]


def _inside(group: Group) -> float:
    """Rate of a ring in a node, bytes/s."""
    if group.ranks == 1:
        return math.inf
    link = group.inner
    return link["bandwidth_bytes_per_s"] * link["ring_efficiency"] * _share(link, group.ranks)


def _between(group: Group) -> float:
    """Rate of a ring between nodes: every device has its own part of the network."""
    if group.nodes == 1:
        return math.inf
    return group.outer["bandwidth_bytes_per_s"] * group.ranks * group.outer["ring_efficiency"]


def _ring_rate(group: Group, protocol: str) -> float:
    full = min(_inside(group), _between(group))
    if protocol == "simple":
        return full
    if protocol == "ll128":
        return full * group.inner["ll128_efficiency"]
    cap = group.inner["ll_bytes_per_s"]
    if group.nodes > 1:
        cap = group.outer["ll_bytes_per_s"] / (2 if group.nodes > 2 else 1)
    return min(full / 2, cap)


def _wait(group: Group, protocol: str, inside: int, between: int) -> float:
    """Start and hops."""
    start = group.inner[f"base_{protocol}_s"] + inside * group.inner[f"hop_{protocol}_s"]
    return start + between * group.outer[f"hop_{protocol}_s"]


def _ring(group: Group, size: float, rounds: int) -> float:
    """The protocol that the library expects to be fastest; where a network answers late, each step
    of what it then does waits for it, unless that is LL."""
    steps = rounds * (group.devices - 1)
    between = rounds * (group.nodes - 1)
    best, chosen = math.inf, 0.0
    for protocol in PROTOCOLS:
        moving = steps / group.devices * size / _ring_rate(group, protocol)
        wait = _wait(group, protocol, steps - between, between)
        if wait + moving < best:
            best = wait + moving
            if protocol != "ll" and group.nodes > 1:
                wait = max(wait, steps * group.outer["ring_step_s"])
            chosen = wait + moving
    return chosen + COPIES * size / (group.devices * group.memory)


def _tree_rate(group: Group) -> float:
    return min(_inside(group) * group.inner["tree_efficiency"], _between(group) / 2)


def _tree(group: Group, size: float, protocol: str) -> float:
    boards = math.ceil(group.ranks / BOARD)
    inside = 2 * (min(group.ranks, BOARD) - 1 + _levels(boards))
    wait = _wait(group, protocol, inside, 2 * _levels(group.nodes))
    return wait + size / (_tree_rate(group) * TREE_SHARES[protocol])


def _levels(leaves: int) -> int:
    """The ceiling of log2."""
    return (leaves - 1).bit_length()


def _can_switch(group: Group) -> bool:
    return group.ranks > 2 and group.inner["switch_reduction_efficiency"] > 0


def _switch_rate(group: Group) -> float:
    wire = group.inner["bandwidth_bytes_per_s"] * group.inner["switch_reduction_efficiency"]
    share = SWITCH_TREE / 2 if group.nodes > 2 else 1.0
    return min(wire * group.ranks / (group.ranks + 1), share * _between(group))


def _switch(group: Group, size: float) -> float:
    if not _can_switch(group):
        return math.inf
    start = group.inner["switch_reduction_s"]
    if group.nodes > 1:
        start += 2 * _levels(group.nodes) * group.outer["hop_simple_s"]
        start += group.outer["switch_tree_s"]
    return start + size / _switch_rate(group)
