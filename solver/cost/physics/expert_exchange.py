"""Dispatch and combine of a mixture of experts: tokens go to the ranks that hold their experts.

A token picks `topk` of the experts of `ranks` ranks. It is sent once to every rank that holds one
of its picks, and over the network once to every node that does, where it is handed on (DeepEP,
README; hybrid expert parallelism alike). With picks spread evenly the expected number of distinct
bins among `bins` is

    bins (1 - (1 - 1/bins)^topk)

Rates reached: DeepEP's table, 153 to 158 of 200 GB/s inside a node of H800, 726 of 900 on B200, 43
to 58 of 50 GB/s between nodes.

Sends inside the node and over the network run at the same time; the slower of the two decides.
"""

from __future__ import annotations

import numpy as np

from solver.cost.physics.links import Fabric, Floats, Number, ring_share

INNER_EFFICIENCY = 0.8
OUTER_EFFICIENCY = 0.9


def distinct_bins(bins: Number, topk: Number) -> Floats:
    """Expected number of bins that hold at least one of `topk` even picks."""
    count = np.asarray(bins, dtype=np.float64)
    result: Floats = count * (1 - (1 - 1 / count) ** topk)
    return result


def expert_exchange_seconds(
    tokens: Number,
    topk: Number,
    token_bytes: Number,
    ranks_per_node: Number,
    nodes: Number,
    fabric: Fabric,
    merged: bool = True,
) -> Floats:
    """Seconds of one dispatch or one combine of `tokens` tokens of every rank.

    `merged`: copies of a token for the same rank, and for the same node, travel once; a plain
    all-to-all sends every copy.
    """
    local = np.asarray(ranks_per_node, dtype=np.float64)
    ranks = local * nodes
    payload = np.asarray(tokens, dtype=np.float64) * token_bytes
    inner_rate = (
        fabric.inner.bandwidth_bytes_per_s * INNER_EFFICIENCY * ring_share(fabric.inner, local)
    )
    outer_rate = fabric.outer.bandwidth_bytes_per_s * OUTER_EFFICIENCY
    copies = np.asarray(topk, dtype=np.float64)
    inner_copies = distinct_bins(ranks, topk) if merged else copies
    outer_copies = distinct_bins(nodes, topk) if merged else copies
    inner = payload * inner_copies * (local - 1) / local / inner_rate
    outer = payload * outer_copies * (1 - 1 / np.asarray(nodes, dtype=np.float64)) / outer_rate
    start = np.where(
        np.asarray(nodes) > 1,
        fabric.outer.number("exchange_s"),
        fabric.inner.number("exchange_s"),
    )
    result: Floats = np.where(ranks > 1, start + np.maximum(inner, outer), 0.0)
    return result
