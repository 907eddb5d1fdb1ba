"""Ring collectives: every rank hands a share of the buffer to its neighbour, n - 1 times.

All-gather and reduce-scatter move (n - 1)/n of the buffer over each link in n - 1 steps, all-reduce
twice that (Patarasuk & Yuan, "Bandwidth optimal all-reduce algorithms for clusters of
workstations", 2009; nccl-tests, doc/PERFORMANCE.md: bus bandwidth). A rank also copies its own
share, 1/n of the buffer, between user and wire buffers. Where a ring crosses a network whose cards
answer late, all ranks go at the pace of the crossing: every step takes `ring_step_s` at least. The
library does not know that when it chooses its protocol.
"""

from __future__ import annotations

import numpy as np

from solver.cost.physics.lines import Line
from solver.cost.physics.links import COPY_PASSES, Fabric, Number
from solver.cost.physics.protocols import PROTOCOLS, latency_seconds, ring_rate


def ring_lines(
    rounds: int, ranks_per_node: Number, nodes: Number, groups: Number, fabric: Fabric
) -> tuple[Line, ...]:
    """A way per protocol. `rounds` 1: all-gather or reduce-scatter; 2: all-reduce."""
    ranks = np.asarray(ranks_per_node, dtype=np.float64) * nodes
    crosses = np.asarray(nodes) > 1
    steps = np.where(crosses, rounds * (ranks - 1) * fabric.outer.number("ring_step_s"), 0.0)
    outer_hops = rounds * (np.asarray(nodes, dtype=np.float64) - 1)
    inner_hops = rounds * (ranks - 1) - outer_hops
    copy = COPY_PASSES / (ranks * fabric.memory_bytes_per_s)
    found = []
    for protocol in PROTOCOLS:
        rate = ring_rate(protocol, ranks_per_node, nodes, groups, fabric)
        latency = latency_seconds(protocol, inner_hops, outer_hops, fabric)
        slow = latency if protocol == "ll" else np.maximum(latency, steps)
        found.append(Line(latency, slow, rounds * (ranks - 1) / ranks / rate + copy))
    return tuple(found)
