"""One layer and one micro-batch as a stage sees it: compute, what of its communication stays
visible, what it recomputes, and the waits for the host.

Tensor-parallel collectives are waited for; only Megatron-LM's of the backward run beside the
gradients of weights (not those of 2021, whose attention was unfused). Kernels cut in pieces hide a
share of both directions (`tensor_overlap`, user buffers or asynchronous tensor parallelism);
nanotron's asynchronous ones, behind one hardware queue, hide `tensor_async` of gathers and
scatters. The ring of context parallelism runs beside the attention core.
"""

from __future__ import annotations

from typing import NamedTuple

from solver.configuration.configuration import Configuration
from solver.configuration.host import host_layer_seconds, host_pipeline_seconds
from solver.configuration.layer import LayerTime, feed_forward, linears
from solver.configuration.moe import mixed_layer
from solver.configuration.tensor_parallel import (
    LayerCollectives,
    context_collectives,
    tensor_collectives,
)
from solver.cost.physics.links import Fabric
from solver.cost.physics.overlap import exposed_seconds
from solver.cost.physics.parameters import DevicePhysics
from solver.cost.physics.pointwise import pointwise_seconds


class LayerStep(NamedTuple):
    """Seconds of one layer and micro-batch. `forward` and `backward` are all of it, `weights` the
    part of `backward` for gradients of weights; the others are parts by cause."""

    forward: float
    backward: float
    weights: float
    compute: float
    recompute: float
    tensor: float
    context: float
    exchange: float
    waits: float


def layer_step(configuration: Configuration, device: DevicePhysics, wires: Fabric) -> LayerStep:
    """The mean layer of a configuration."""
    c = configuration
    layer, exchange = mixed_layer(c, device)
    weights = 0.0 if c.frozen_base else layer.weights
    tensor = tensor_collectives(c, wires)
    ahead, back = _visible_tensor(c, tensor, weights, device)
    context = context_collectives(c, wires)
    ring_ahead = float(exposed_seconds(context.forward, layer.core, device))
    ring_back = float(exposed_seconds(context.backward, 2 * layer.core, device))
    again = recomputed(c, layer, device)
    again_tensor = ahead / c.recompute_every if c.recompute == "full" else 0.0
    if c.recompute == "selective" and c.runtime == "fsdp":
        again_tensor = ahead / 2  # gathers are repeated, the sums they lead to are kept

    adapters = adapters_seconds(c, device)
    forward = adapters + layer.forward + ahead + ring_ahead + 2 * exchange
    backward = (
        2 * adapters
        + layer.backward
        + weights
        + again
        + again_tensor
        + back
        + ring_back
        + 2 * exchange
    )
    held_forward = host_layer_seconds(c, device, tensor.calls_forward, backward=False)
    held_backward = host_layer_seconds(c, device, tensor.calls_backward, backward=True)
    if c.recompute == "full":
        held_backward += held_forward / c.recompute_every
    waits = max(0.0, held_forward - forward) + max(0.0, held_backward - backward)
    forward, backward = max(forward, held_forward), max(backward, held_backward)
    stretch = max(1.0, host_pipeline_seconds(c, device) / (forward + backward))
    return LayerStep(
        forward=forward * stretch,
        backward=backward * stretch,
        weights=weights,
        compute=layer.forward + layer.backward + weights + 3 * adapters,
        recompute=again,
        tensor=ahead + back + again_tensor,
        context=ring_ahead + ring_back,
        exchange=4 * exchange,
        waits=waits + (stretch - 1.0) * (forward + backward),
    )


def recomputed(configuration: Configuration, layer: LayerTime, device: DevicePhysics) -> float:
    """Seconds of the forward that the backward repeats.

    `full` repeats all of it, in every n-th layer; `selective` the attention core (Korthikanti et
    al., 2022), or, of PyTorch's modules, a share of everything but the core: every second product
    and the passes between (per-operator checkpoints), or every second layer. Megatron's BF16 models
    repeat a core that is not fused, whatever else: its scores would not fit (as `memory` assumes).
    """
    c = configuration
    if c.recompute == "full":
        return layer.forward / c.recompute_every
    if c.recompute == "selective":
        if c.runtime == "fsdp":
            return device.number("selective_share") * (layer.forward - layer.core)
        return layer.core
    if c.attention == "unfused" and c.precision == "bf16":
        return layer.core
    return 0.0


def adapters_seconds(configuration: Configuration, device: DevicePhysics) -> float:
    """Seconds forward of low-rank adapters beside every linear layer (Hu et al., 2021), which only
    move memory: the input is read once more; their output is written, and read, scaled and added to
    the layer's (four passes)."""
    c = configuration
    if not c.frozen_base:
        return 0.0
    a = c.architecture
    rows = (*linears(a, c.tp), *feed_forward(a.hidden, a.ffn, a.glu, c.tp))
    values = sum(inputs + 4 * outputs for inputs, outputs in rows)
    moved = c.activation_bytes * c.tokens_per_micro_batch * values
    return float(pointwise_seconds(moved, device, 5.0 * len(rows)))


def _visible_tensor(
    configuration: Configuration,
    tensor: LayerCollectives,
    weights: float,
    device: DevicePhysics,
) -> tuple[float, float]:
    """Visible seconds of tensor-parallel collectives, forward and backward."""
    c = configuration
    forward, backward = tensor.forward, tensor.backward
    if c.runtime == "nanotron":
        beside = c.overlap_tensor and c.sequence_parallel
        kept = 1.0 - device.number("tensor_async") if beside else 1.0
        return kept * forward, kept * backward
    early = c.attention == "unfused" and not c.sequence_parallel
    if c.runtime == "megatron" and not early:
        backward = float(exposed_seconds(backward, weights, device))
    if c.overlap_tensor and c.sequence_parallel:
        kept = 1.0 - device.number("tensor_overlap")
        forward, backward = kept * forward, kept * backward
    return forward, backward
