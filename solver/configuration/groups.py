"""Which devices of a configuration talk to each other: groups of ranks on nodes.

Ranks are numbered with tensor parallelism fastest, then context, data and pipeline parallelism
(Megatron-LM's order "tp-cp-ep-dp-pp"; nanotron's is the same without experts).
"""

from __future__ import annotations

from typing import Literal, NamedTuple

from solver.configuration.configuration import Configuration

Axis = Literal["tp", "cp", "dp", "dp_cp", "shard", "replicas"]


class Group(NamedTuple):
    """Ranks that share a collective: `ranks_per_node` on each of `nodes` nodes."""

    ranks_per_node: int
    nodes: int

    @property
    def size(self) -> int:
        """How many ranks."""
        return self.ranks_per_node * self.nodes


def place(size: int, stride: int, node: int) -> Group:
    """`size` ranks, each `stride` after the one before, on nodes of `node` devices."""
    if size == 1:
        return Group(1, 1)
    inside = min(size, max(1, node // stride))
    return Group(inside, -(-size // inside))


def group(configuration: Configuration, axis: Axis) -> Group:
    """The group of an axis. `dp_cp`: the ranks that hold the same parameters; `shard`: those of
    them that share one sharded copy; `replicas`: those that hold the same shard."""
    c = configuration
    node = c.devices_per_node
    if axis == "tp":
        return place(c.tp, 1, node)
    if axis == "cp":
        return place(c.cp, c.tp, node)
    if axis == "dp":
        return place(c.dp, c.tp * c.cp, node)
    same = c.dp * c.cp
    if axis == "dp_cp":
        return place(same, c.tp, node)
    shard = max(1, min(c.shard_group, same))
    if axis == "shard":
        return place(shard, c.tp, node)
    return place(same // shard, c.tp * shard, node)


def boundary_share_inside(configuration: Configuration) -> float:
    """The share of stage boundaries that lie inside a node."""
    c = configuration
    if c.pp == 1:
        return 1.0
    per_stage = c.devices // c.pp
    stages_per_node = max(1, c.devices_per_node // per_stage)
    crossing = -(-c.pp // stages_per_node) - 1
    return 1.0 - crossing / (c.pp - 1)
