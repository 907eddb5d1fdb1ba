"""Seconds of a collective: the fastest of the ways a communication library has for it.

Sizes are those of nccl-tests: all-reduce, the buffer; all-gather, reduce-scatter, all-to-all, the
whole buffer (all ranks' shares); send, the message. Sizes and rank counts may be arrays.
"""

from __future__ import annotations

from typing import Literal

import numpy as np

from solver.cost.physics.exchange import all_to_all_seconds, send_seconds
from solver.cost.physics.links import Fabric, Floats, Number
from solver.cost.physics.ring import ring_seconds
from solver.cost.physics.switch_reduction import switch_reduction_seconds
from solver.cost.physics.tree import tree_seconds

Kind = Literal["all_reduce", "all_gather", "reduce_scatter", "all_to_all", "send"]
KINDS: tuple[Kind, ...] = ("all_reduce", "all_gather", "reduce_scatter", "all_to_all", "send")


def collective_seconds(
    kind: Kind,
    size_bytes: Number,
    ranks_per_node: Number,
    nodes: Number,
    fabric: Fabric,
    groups: Number = 1.0,
) -> Floats:
    """Seconds of one collective among `ranks_per_node` ranks in each of `nodes` nodes.

    `groups` groups like it run at the same time in the same nodes and divide the network cards
    (eight data-parallel groups of one rank per node: `groups` 8). A node is what the inner link
    joins: 72 devices in a rack-wide domain. A single rank needs no time.
    """
    way = (size_bytes, ranks_per_node, nodes, groups, fabric)
    if kind == "all_reduce":
        seconds = np.minimum(ring_seconds(2, *way), tree_seconds(*way))
        seconds = np.minimum(seconds, switch_reduction_seconds(*way))
    elif kind in ("all_gather", "reduce_scatter"):
        seconds = ring_seconds(1, *way)
    elif kind == "all_to_all":
        seconds = all_to_all_seconds(*way)
    else:
        inside = send_seconds(size_bytes, False, groups, fabric)
        between = send_seconds(size_bytes, True, groups, fabric)
        seconds = np.where(np.asarray(nodes) > 1, between, inside)
    alone = np.asarray(ranks_per_node) * np.asarray(nodes) <= 1
    result: Floats = np.where(alone, 0.0, seconds)
    return result
