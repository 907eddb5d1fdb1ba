"""One transformer layer and one micro-batch on one device: seconds of compute by phase.

Linear layers are matrix products, the attention core a kernel or a chain of them, the rest passes
over memory. Bytes of the passes per token and value of the residual stream, two bytes per element:

    norm       4 forward (read, write), 6 backward
    residual   6 forward with dropout's mask 1 more, 4 backward
    gate       6 per value of its width forward (two read, one written), 10 backward; 4 and 6
               without a gate
    rotation   4 per value of queries and keys, both ways

Chains that are not fused touch memory more often: `eager_passes` times; those of Megatron-LM before
fused attention, with bias, dropout and residual in kernels of their own, `early_passes` times.
"""

from __future__ import annotations

from typing import NamedTuple

from solver.configuration.architecture import Architecture
from solver.configuration.configuration import Configuration
from solver.cost.physics.attention import attention_seconds
from solver.cost.physics.linear import linear_seconds
from solver.cost.physics.parameters import DevicePhysics
from solver.cost.physics.pointwise import pointwise_seconds
from solver.cost.physics.quantisation import quantise_seconds


class LayerTime(NamedTuple):
    """Seconds of compute of a layer. `backward` is gradients of inputs, `weights` of weights;
    `core` is the part of `forward` that selective recompute repeats."""

    forward: float
    backward: float
    weights: float
    core: float


def linears(architecture: Architecture, tp: int) -> tuple[tuple[float, float], ...]:
    """(inputs, outputs) of the linear layers of a dense layer on one of `tp` ranks."""
    a = architecture
    out = a.heads * a.value_dim / tp
    if a.latent:
        key = a.latent.content_dim + a.latent.rotary_dim
        query: tuple[tuple[float, float], ...]
        if a.latent.query_rank:
            query = ((a.hidden, a.latent.query_rank), (a.latent.query_rank, a.heads * key / tp))
        else:
            query = ((a.hidden, a.heads * key / tp),)
        wide = a.heads * (a.latent.content_dim + a.latent.value_dim) / tp
        rows = (
            *query,
            (a.hidden, a.latent.kv_rank + a.latent.rotary_dim),
            (a.latent.kv_rank, wide),
        )
    else:
        rows = ((a.hidden, (a.heads + 2 * max(a.kv_heads, tp)) * a.head_dim / tp),)
    return (*rows, (out, a.hidden))


def feed_forward(
    hidden: float, width: float, glu: bool, tp: int
) -> tuple[tuple[float, float], ...]:
    """(inputs, outputs) of the linear layers of a feed-forward block on one of `tp` ranks."""
    return ((hidden, (2 if glu else 1) * width / tp), (width / tp, hidden))


def dense_layer(configuration: Configuration, device: DevicePhysics) -> LayerTime:
    """Seconds of a layer without experts."""
    a, c = configuration.architecture, configuration
    block = feed_forward(a.hidden, a.ffn, a.glu, c.tp)
    gate = (6.0, 10.0) if a.glu else (4.0, 6.0)
    rows = (*linears(a, c.tp), *block)
    tokens = c.tokens_per_micro_batch
    return priced(configuration, device, rows, tokens * a.ffn / c.tp, gate)


def priced(
    configuration: Configuration,
    device: DevicePhysics,
    rows: tuple[tuple[float, float], ...],
    gated: float,
    gate: tuple[float, float],
) -> LayerTime:
    """Attention, norms and residuals of a layer, with the linear layers `rows` and `gated` values
    through an activation that moves `gate` bytes per value forward and backward."""
    a, c = configuration.architecture, configuration
    tokens = c.tokens_per_micro_batch
    forward, backward, weights = linear_phases(configuration, device, rows)
    core, core_back = attention_core(configuration, device)
    stream = tokens * a.hidden / (c.tp if c.sequence_parallel else 1)
    rotated = tokens * (a.heads + a.kv_heads) * a.head_dim / c.tp
    rotation = 4.0 * rotated if a.positions == "rope" else 0.0
    passes = 1.0 if c.compiled else device.number("eager_passes")
    if c.attention == "unfused":
        passes = device.number("early_passes")
    ahead = (a.norms_per_layer * 4 + 2 * 6) * stream + gate[0] * gated + rotation
    back = (a.norms_per_layer * 6 + 2 * 4) * stream + gate[1] * gated + rotation
    return LayerTime(
        forward=forward + core + float(pointwise_seconds(passes * ahead, device, 6)),
        backward=backward + core_back + float(pointwise_seconds(passes * back, device, 8)),
        weights=weights,
        core=core,
    )


def linear_phases(
    configuration: Configuration, device: DevicePhysics, rows: tuple[tuple[float, float], ...]
) -> tuple[float, float, float]:
    """Seconds of linear layers: forward, gradients of inputs, gradients of weights.

    Under FP8 and FP4 weights are quantised once per step, or, by PyTorch's modules, in every
    forward and backward, unless they are gathered quantised.
    """
    c = configuration
    passes = 1.0 if c.compiled else device.number("eager_passes")
    forward = backward = weights = 0.0
    for inputs, outputs in rows:
        args = (c.tokens_per_micro_batch, inputs, outputs, device, c.precision)
        forward += float(linear_seconds(*args, "forward", passes=passes))
        backward += float(linear_seconds(*args, "input_gradient", passes=passes))
        weights += float(linear_seconds(*args, "weight_gradient", c.main_gradient_bytes))
        cast = passes * float(quantise_seconds(inputs * outputs, device, c.precision))
        if c.runtime != "fsdp":
            forward += cast / c.micro_batches
        elif not c.fp8_gather:
            forward += cast
            backward += cast
    return forward, backward, weights


def attention_core(configuration: Configuration, device: DevicePhysics) -> tuple[float, float]:
    """Seconds forward and backward of scores, softmax and their product with the values.

    Unfused attention drops scores in a kernel of its own, which random numbers bound, not memory.
    """
    a, c = configuration.architecture, configuration
    head = a.latent.content_dim + a.latent.rotary_dim if a.latent else a.head_dim

    portable = 1.0
    if c.attention == "flash" and not c.vendor_kernels:
        portable = device.number("attention_portable")

    def seconds(phase: str) -> float:
        return portable * float(
            attention_seconds(
                c.micro_batch,
                a.heads / c.tp,
                c.seq_len / c.cp,
                c.seq_len,
                head,
                device,
                causal=True,
                kernel=c.attention,
                phase="forward" if phase == "forward" else "backward",
                precision="fp16" if c.precision == "fp16" else "bf16",
                value_dim=a.value_dim,
            )
        )

    drawn = (
        c.micro_batch * a.heads / c.tp * c.seq_len**2 / c.cp if c.attention == "unfused" else 0.0
    )
    return seconds("forward") + drawn / device.number("dropout_per_s"), seconds("backward")
