"""All-reduce inside the switch (NVLink SHARP): the switch adds what it reads from all devices.

Of n devices, each has the switch reduce its share and multicasts the result: a device sends its
whole buffer once for the reductions of others, and its reduced share once: size (1 + 1/n) per
direction. Between nodes a tree carries the shares (NVLSTree).
"""

from __future__ import annotations

import numpy as np

from solver.cost.physics.lines import Line, line
from solver.cost.physics.links import Fabric, Number
from solver.cost.physics.tree import crossing_rate, depth

# The tree between nodes keeps this share of half the network (NCCL's tuner: 160 of 200 GB/s); of
# two nodes each sends its buffer once.
TREE_SHARE = 0.8


def switch_line(ranks_per_node: Number, nodes: Number, groups: Number, fabric: Fabric) -> Line:
    """All-reduce; a start of infinity where the switch cannot add."""
    efficiency = fabric.inner.number("switch_reduction_efficiency")
    ranks = np.asarray(ranks_per_node, dtype=np.float64)
    inner = fabric.inner.bandwidth_bytes_per_s * max(efficiency, 1e-9) * ranks / (ranks + 1)
    share = np.where(np.asarray(nodes) > 2, TREE_SHARE / 2, 1.0)
    network = share * crossing_rate(ranks, nodes, groups, fabric)
    outer_hops = 2 * depth(nodes)
    crosses = np.asarray(nodes) > 1
    latency = (
        fabric.inner.number("switch_reduction_s")
        + outer_hops * fabric.outer.number("hop_simple_s")
        + np.where(crosses, fabric.outer.number("switch_tree_s"), 0.0)
    )
    usable = (ranks > 2) & (efficiency > 0)
    return line(np.where(usable, latency, np.inf), 1 / np.minimum(inner, network))
