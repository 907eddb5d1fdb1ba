"""Tree all-reduce: up and down a chain inside each node, a double binary tree between nodes.

Latency grows with log2 of the nodes. Every node but those of a pair sends its buffer twice
(Sanders, Speck & Träff, "Two-tree algorithms for full bandwidth broadcast, reduction and scan",
2009): of two nodes one sends up, the other down, each the buffer once per direction.
"""

from __future__ import annotations

import numpy as np

from solver.cost.physics.links import Fabric, Floats, Number, number
from solver.cost.physics.protocols import Protocol, latency_seconds

# NCCL's tuner: shares of the rate that LL and LL128 keep in a tree (src/graph/tuning.cc).
SHARES: tuple[tuple[Protocol, float], ...] = (("ll", 1 / 8), ("ll128", 0.9), ("simple", 1.0))

# A chain joins the devices of one board; a domain of several boards has a tree between them.
BOARD = 8


def depth(leaves: Number) -> Floats:
    """Levels of a binary tree."""
    levels: Floats = np.ceil(np.log2(np.asarray(leaves, dtype=np.float64)) - 1e-9)
    return levels


def network_tree_rate(
    ranks_per_node: Number, nodes: Number, groups: Number, fabric: Fabric
) -> Floats:
    """Bytes of buffer per second that the network lets through in a tree."""
    rate = fabric.network_rate(ranks_per_node, groups) * number(fabric.outer, "ring_efficiency")
    passes = np.where(np.asarray(nodes) > 2, 2.0, 1.0)
    crossing: Floats = np.where(np.asarray(nodes) > 1, rate / passes, np.inf)
    return crossing


def tree_seconds(
    size_bytes: Number, ranks_per_node: Number, nodes: Number, groups: Number, fabric: Fabric
) -> Floats:
    """All-reduce of `size_bytes`."""
    inner = fabric.ring_rate(ranks_per_node) * number(fabric.inner, "tree_efficiency")
    chain = np.where(np.asarray(ranks_per_node) > 1, inner, np.inf)
    rate = np.minimum(chain, network_tree_rate(ranks_per_node, nodes, groups, fabric))
    local = np.asarray(ranks_per_node, dtype=np.float64)
    inner_hops = 2 * (np.minimum(local, BOARD) - 1 + depth(np.ceil(local / BOARD)))
    outer_hops = 2 * depth(nodes)
    best = np.asarray(np.inf)
    for protocol, share in SHARES:
        latency = latency_seconds(protocol, inner_hops, outer_hops, fabric)
        best = np.minimum(best, latency + np.asarray(size_bytes) / (rate * share))
    return best
