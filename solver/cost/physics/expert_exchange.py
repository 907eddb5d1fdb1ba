"""Dispatch and combine of a mixture of experts: tokens go to the ranks that hold their experts.

A token picks `topk` of the experts of `ranks` ranks. It is sent once to every rank that holds one
of its picks, and over the network once to every node that does, where it is handed on (DeepEP,
README; hybrid expert parallelism alike). With picks spread evenly the expected number of distinct
bins among `bins` is

    bins (1 - (1 - 1/bins)^topk)

Sends inside the node and over the network run at the same time; the slower of the two decides.
"""

from __future__ import annotations

import numpy as np

from solver.cost.physics.links import Fabric, Floats, Number, number, ring_share


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
) -> Floats:
    """Seconds of one dispatch or one combine of `tokens` tokens of every rank."""
    local = np.asarray(ranks_per_node, dtype=np.float64)
    ranks = local * nodes
    payload = np.asarray(tokens, dtype=np.float64) * token_bytes
    inner_rate = (
        fabric.inner.bandwidth_bytes_per_s
        * number(fabric.inner, "exchange_efficiency")
        * ring_share(fabric.inner, local)
    )
    outer_rate = fabric.outer.bandwidth_bytes_per_s * number(fabric.outer, "exchange_efficiency")
    inner = payload * distinct_bins(ranks, topk) * (local - 1) / local / inner_rate
    away = 1 - 1 / np.asarray(nodes, dtype=np.float64)
    outer = payload * distinct_bins(nodes, topk) * away / outer_rate
    start = np.where(
        np.asarray(nodes) > 1,
        number(fabric.outer, "exchange_s"),
        number(fabric.inner, "exchange_s"),
    )
    result: Floats = np.where(ranks > 1, start + np.maximum(inner, outer), 0.0)
    return result
