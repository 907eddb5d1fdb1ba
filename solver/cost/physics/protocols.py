"""The three ways NCCL moves a buffer: LL, LL128, Simple.

LL sends 4 bytes of data with each 4-byte flag: least latency, half the rate. LL128 stores 120 bytes
of data in each 128-byte line: more latency, nearly the full rate. Simple synchronises by chunk:
most latency, full rate. (NCCL documentation, environment variable NCCL_PROTO; tuner of NCCL,
src/graph/tuning.cc, for the form latency(protocol, hops) + bytes / rate(protocol).)
"""

from __future__ import annotations

from typing import Literal

import numpy as np

from solver.cost.physics.links import Fabric, Floats, Number

Protocol = Literal["ll", "ll128", "simple"]
PROTOCOLS: tuple[Protocol, ...] = ("ll", "ll128", "simple")


def latency_seconds(
    protocol: Protocol, inner_hops: Number, outer_hops: Number, fabric: Fabric
) -> Floats:
    """Start and hops of a collective, seconds."""
    hops: Floats = (
        fabric.inner.number(f"base_{protocol}_s")
        + np.asarray(inner_hops) * fabric.inner.number(f"hop_{protocol}_s")
        + np.asarray(outer_hops) * fabric.outer.number(f"hop_{protocol}_s")
    )
    return hops


def ring_rate(
    protocol: Protocol, ranks_per_node: Number, nodes: Number, groups: Number, fabric: Fabric
) -> Floats:
    """Bus rate of a ring over all ranks, bytes/s: the slower of node and network."""
    network = fabric.network_rate(ranks_per_node, groups) * fabric.outer.number("ring_efficiency")
    crosses = np.asarray(nodes) > 1
    inner = np.where(np.asarray(ranks_per_node) > 1, fabric.ring_rate(ranks_per_node), np.inf)
    full: Floats = np.minimum(inner, np.where(crosses, network, np.inf))
    if protocol == "simple":
        return full
    if protocol == "ll128":
        return full * fabric.inner.number("ll128_efficiency")
    outer_cap = fabric.outer.number("ll_bytes_per_s") / np.where(np.asarray(nodes) > 2, 2, 1)
    cap = np.where(crosses, outer_cap, fabric.inner.number("ll_bytes_per_s"))
    slow: Floats = np.minimum(full / 2, cap)
    return slow
