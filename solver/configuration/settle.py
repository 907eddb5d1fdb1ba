"""What a row leaves open about recompute, settled: as few layers as make it fit.

Where no word says what is recomputed, nothing is, or of an attention core that is not fused the
core (Megatron-LM's selective recompute, its advice since 2022). If that does not fit the device, as
many layers are recomputed whole as must be (Megatron-LM's "block" method); their share is that of
the bytes to save.

Mixtures of experts are not recomputed by layers, which would repeat their exchanges: their recipes
drop what is cheap to repeat (activations of experts, norms, up-projections of latent attention), a
few per cent of a forward, which is left out. Nor are the recipes of NVIDIA's container releases:
where they do not fit they offload activations to the host, beside compute.
"""

from __future__ import annotations

import re
from dataclasses import fields, replace

from solver.configuration.configuration import Configuration, Recompute
from solver.configuration.memory import predict_memory
from solver.configuration.time import StepTime, predict_step
from solver.cost.physics.parameters import DevicePhysics

CONTAINER = re.compile(r"\d\d\.\d\d")


def settled_step(configuration: Configuration, device: DevicePhysics) -> StepTime:
    """The step of a configuration whose recompute may be open."""
    c = configuration
    if c.recompute_known:
        return predict_step(c, device, memory_is_full(c, device))
    least: Recompute = "selective" if c.attention == "unfused" else "none"
    bare = predict_step(replace(c, recompute=least), device)
    share = recomputed_share(c, least, device)
    if share == 0.0 or c.architecture.experts or CONTAINER.match(c.release):
        return bare
    return mixed(bare, predict_step(replace(c, recompute="full"), device), share)


def memory_is_full(configuration: Configuration, device: DevicePhysics) -> bool:
    """Whether the allocator has too little room to keep what it frees."""
    peak = predict_memory(configuration, device)
    return peak.needed_bytes > device.number("memory_full") * peak.capacity_bytes


def recomputed_share(
    configuration: Configuration, least: Recompute, device: DevicePhysics
) -> float:
    """The share of layers that must be recomputed whole to fit; 1 where not even that is enough."""
    needed = [
        predict_memory(replace(configuration, recompute=level, recompute_known=True), device)
        for level in (least, "full")
    ]
    over = needed[0].needed_bytes - needed[0].capacity_bytes
    saved = needed[0].needed_bytes - needed[1].needed_bytes
    if over <= 0.0:
        return 0.0
    return min(1.0, over / saved) if saved > 0.0 else 0.0


def mixed(one: StepTime, other: StepTime, share: float) -> StepTime:
    """`share` of the other step and the rest of the one, term by term."""
    return StepTime(
        **{
            field.name: (1.0 - share) * getattr(one, field.name)
            + share * getattr(other, field.name)
            for field in fields(StepTime)
        }
    )
