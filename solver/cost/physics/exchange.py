"""All-to-all and point-to-point: every byte goes straight to its destination.

A rank keeps 1/n of its buffer, sends (r - 1)/n over the links of the node and (n - r)/n over its
share of the network at the same time; the slower of the two decides.
"""

from __future__ import annotations

import numpy as np

from solver.cost.physics.lines import Line, line
from solver.cost.physics.links import COPY_PASSES, Fabric, Number, ring_share


def exchange_line(ranks_per_node: Number, nodes: Number, groups: Number, fabric: Fabric) -> Line:
    """All-to-all; its bytes are the buffer of one rank, its own share included."""
    local = np.asarray(ranks_per_node, dtype=np.float64)
    ranks = local * nodes
    inner_rate = (
        fabric.inner.bandwidth_bytes_per_s
        * fabric.inner.number("exchange_efficiency")
        * ring_share(fabric.inner, local)
    )
    rank_network = fabric.network_rate(local, groups) / local
    outer_rate = rank_network * fabric.outer.number("exchange_efficiency")
    inner = (local - 1) / ranks / inner_rate
    outer = (ranks - local) / ranks / outer_rate
    copy = COPY_PASSES / (ranks * fabric.memory_bytes_per_s)
    start = np.where(
        np.asarray(nodes) > 1,
        fabric.outer.number("exchange_s")
        + (ranks - local) * fabric.outer.number("exchange_message_s"),
        fabric.inner.number("exchange_s"),
    )
    return line(start, np.maximum(inner, outer) + copy)


def send_line(between_nodes: bool, groups: Number, fabric: Fabric) -> Line:
    """One rank to one other; `groups` such pairs share the network cards of a node."""
    link = fabric.outer if between_nodes else fabric.inner
    rate = (
        fabric.network_rate(1.0, groups)
        if between_nodes
        else link.bandwidth_bytes_per_s * ring_share(link, np.asarray(2.0))
    )
    return line(link.number("send_s"), 1 / (rate * link.number("send_efficiency")))
