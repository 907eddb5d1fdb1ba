"""Collectives of tensor and context parallelism in one layer and one micro-batch.

Megatron-LM's layer (Shoeybi et al., 2019) reduces the stream twice forward and twice backward:
all-reduces of tokens x hidden values. With sequence parallelism (Korthikanti et al., 2022) each is
a reduce-scatter and an all-gather, and the backward gathers the two inputs once more. Context
parallelism passes keys and values around a ring, forward once and backward twice (with gradients).
"""

from __future__ import annotations

from typing import NamedTuple

from solver.configuration.configuration import Configuration
from solver.configuration.groups import group
from solver.cost.physics.collectives import Kind, collective_seconds
from solver.cost.physics.links import Fabric


class LayerCollectives(NamedTuple):
    """Seconds of communication of a layer, and how many calls."""

    forward: float
    backward: float
    calls_forward: int
    calls_backward: int


NOTHING = LayerCollectives(0.0, 0.0, 0, 0)


def tensor_collectives(configuration: Configuration, fabric: Fabric) -> LayerCollectives:
    """Those of the tensor-parallel group."""
    c = configuration
    if c.tp == 1:
        return NOTHING
    ranks = group(c, "tp")
    size = c.tokens_per_micro_batch * c.architecture.hidden * c.activation_bytes

    def seconds(kind: Kind) -> float:
        return float(collective_seconds(kind, size, ranks.ranks_per_node, ranks.nodes, fabric))

    if not c.sequence_parallel:
        once = 2 * seconds("all_reduce")
        return LayerCollectives(once, once, 2, 2)
    gather, scatter = seconds("all_gather"), seconds("reduce_scatter")
    return LayerCollectives(2 * (gather + scatter), 2 * (2 * gather + scatter), 4, 6)


def context_collectives(configuration: Configuration, fabric: Fabric) -> LayerCollectives:
    """Those of the context-parallel ring: keys and values of the other ranks."""
    a, c = configuration.architecture, configuration
    if c.cp == 1:
        return NOTHING
    ranks = group(c, "cp")
    width = 2 * a.kv_heads * a.head_dim / min(c.tp, a.kv_heads)
    size = c.micro_batch * c.seq_len * width * c.activation_bytes
    once = float(
        collective_seconds("all_gather", size, ranks.ranks_per_node, ranks.nodes, fabric, c.tp)
    )
    return LayerCollectives(once, 2 * once, c.cp - 1, 2 * (c.cp - 1))
