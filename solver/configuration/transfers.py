"""Activations between neighbouring stages of a pipeline.

A message has the tokens of one micro-batch and the hidden values that one tensor-parallel rank
holds (Megatron-LM scatters the stream before it sends and gathers after). Unless sends overlap, a
stage waits for one in each direction per micro-batch and chunk.
"""

from __future__ import annotations

from solver.configuration.configuration import Configuration
from solver.configuration.groups import boundary_share_inside
from solver.cost.physics.collectives import collective_seconds
from solver.cost.physics.links import Fabric


def hop_seconds(configuration: Configuration, wires: Fabric) -> float:
    """Seconds of one message to the next stage, the mean over boundaries."""
    c = configuration
    if c.pp == 1:
        return 0.0
    size = c.tokens_per_micro_batch * c.architecture.hidden * c.activation_bytes / c.tp
    inside = boundary_share_inside(c)
    sharing = min(c.devices_per_node, c.devices // c.pp)
    near = float(collective_seconds("send", size, 2, 1, wires))
    far = float(collective_seconds("send", size, 1, 2, wires, sharing))
    return inside * near + (1.0 - inside) * far


def visible_hops_seconds(configuration: Configuration, hop: float) -> float:
    """Seconds of transfers that one micro-batch adds to every stage."""
    c = configuration
    return 0.0 if c.overlap_pipeline or c.pp == 1 else 2 * hop * c.vp
