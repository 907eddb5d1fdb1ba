"""Tree all-reduce: up and down a chain inside each node, a double binary tree between nodes.

Latency grows with log2 of the nodes. Every node sends its buffer twice, up one tree and down the
other (Sanders, Speck & Träff, "Two-tree algorithms for full bandwidth broadcast, reduction and
scan", 2009). Of two nodes each could do with once; measured runs of two A100 nodes do not.
"""

from __future__ import annotations

import numpy as np

from solver.cost.physics.lines import Line, line
from solver.cost.physics.links import Fabric, Floats, Number
from solver.cost.physics.protocols import Protocol, latency_seconds

# NCCL's tuner: shares of the rate that LL and LL128 keep in a tree (src/graph/tuning.cc).
SHARES: tuple[tuple[Protocol, float], ...] = (("ll", 1 / 8), ("ll128", 0.9), ("simple", 1.0))

# A chain joins the devices of one board; a domain of several boards has a tree between them.
BOARD = 8


def depth(leaves: Number) -> Floats:
    """Levels of a binary tree."""
    levels: Floats = np.ceil(np.log2(np.asarray(leaves, dtype=np.float64)) - 1e-9)
    return levels


def crossing_rate(ranks_per_node: Number, nodes: Number, groups: Number, fabric: Fabric) -> Floats:
    """Bytes per second that a group can send over the network; infinite inside a node."""
    rate = fabric.network_rate(ranks_per_node, groups) * fabric.outer.number("ring_efficiency")
    crossing: Floats = np.where(np.asarray(nodes) > 1, rate, np.inf)
    return crossing


def tree_lines(
    ranks_per_node: Number, nodes: Number, groups: Number, fabric: Fabric
) -> tuple[Line, ...]:
    """All-reduce, a way per protocol."""
    inner = fabric.ring_rate(ranks_per_node) * fabric.inner.number("tree_efficiency")
    chain = np.where(np.asarray(ranks_per_node) > 1, inner, np.inf)
    rate = np.minimum(chain, crossing_rate(ranks_per_node, nodes, groups, fabric) / 2)
    local = np.asarray(ranks_per_node, dtype=np.float64)
    inner_hops = 2 * (np.minimum(local, BOARD) - 1 + depth(np.ceil(local / BOARD)))
    outer_hops = 2 * depth(nodes)
    return tuple(
        line(latency_seconds(protocol, inner_hops, outer_hops, fabric), 1 / (rate * share))
        for protocol, share in SHARES
    )
