"""Seconds of a collective: the fastest of the ways a communication library has for it.

Sizes are those of nccl-tests: all-reduce, the buffer; all-gather, reduce-scatter, all-to-all, the
whole buffer (all ranks' shares); send, the message. Sizes and rank counts may be arrays.
"""

from __future__ import annotations

from typing import Literal

import numpy as np

from solver.cost.physics.exchange import exchange_line, send_line
from solver.cost.physics.lines import chosen_seconds, fastest_seconds
from solver.cost.physics.links import Fabric, Floats, Number
from solver.cost.physics.ring import ring_lines
from solver.cost.physics.switch_reduction import switch_line
from solver.cost.physics.tree import tree_lines

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
    group = (ranks_per_node, nodes, groups, fabric)
    if kind == "all_reduce":
        ring = chosen_seconds(ring_lines(2, *group), size_bytes)
        others = (*tree_lines(*group), switch_line(*group))
        seconds = np.minimum(ring, fastest_seconds(others, size_bytes))
    elif kind in ("all_gather", "reduce_scatter"):
        seconds = chosen_seconds(ring_lines(1, *group), size_bytes)
    elif kind == "all_to_all":
        seconds = fastest_seconds((exchange_line(*group),), size_bytes)
    else:
        inside = fastest_seconds((send_line(False, groups, fabric),), size_bytes)
        between = fastest_seconds((send_line(True, groups, fabric),), size_bytes)
        seconds = np.where(np.asarray(nodes) > 1, between, inside)
    alone = np.asarray(ranks_per_node) * np.asarray(nodes) <= 1
    result: Floats = np.where(alone, 0.0, seconds)
    return result
