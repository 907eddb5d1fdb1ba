"""What a row leaves open about recompute, settled: as few layers as make it fit.

Where no word says what is recomputed, nothing is, or of an attention core that is not fused the
core (Megatron-LM's selective recompute, its advice since 2022). If that does not fit the device, as
many layers are recomputed whole as must be: Megatron-LM's "block" method counts them per chunk of a
stage, PyTorch's checkpoints wrap every layer or none. Runs that differ in their replicas alone have
one recipe (`whole_recipe`): where the tightest of them recomputes every layer, all do.

Mixtures of experts are not recomputed by layers, which would repeat their exchanges: their recipes
drop what is cheap to repeat (activations of experts, norms, up-projections of latent attention), a
few per cent of a forward, which is left out. Nor are the recipes of NVIDIA's container releases:
where they do not fit they offload activations to the host, beside compute.
"""

from __future__ import annotations

import math
import re
from collections.abc import Container
from dataclasses import fields, replace

from solver.configuration.configuration import Configuration, Recompute
from solver.configuration.memory import predict_memory
from solver.configuration.time import StepTime, predict_step
from solver.cost.physics.parameters import DevicePhysics, device_physics

CONTAINER = re.compile(r"\d\d\.\d\d")


def settled_step(configuration: Configuration, device: DevicePhysics) -> StepTime:
    """The step of a configuration whose recompute may be open."""
    c = configuration
    if c.recompute_known:
        return predict_step(c, device, memory_is_full(c, device))
    bare = predict_step(replace(c, recompute=_least(c)), device)
    share = recomputed_share(c, device)
    if share == 0.0:
        return bare
    return mixed(bare, predict_step(replace(c, recompute="full"), device), share)


def whole_recipe(configuration: Configuration) -> Configuration | None:
    """The recipe of a configuration that must recompute every layer, though nobody says so; else
    None. A recipe is what stays the same with any number of replicas and any batch."""
    c = configuration
    if c.recompute_known or recomputed_share(c, device_physics(c.device)) < 1.0:
        return None
    return _recipe(c)


def in_recipes(
    configuration: Configuration, whole: Container[Configuration | str | None]
) -> Configuration:
    """The configuration, recomputing every layer if its recipe is one of those that do."""
    if configuration.recompute_known or _recipe(configuration) not in whole:
        return configuration
    return replace(configuration, recompute="full", recompute_known=True)


def memory_is_full(configuration: Configuration, device: DevicePhysics) -> bool:
    """Whether the allocator has too little room to keep what it frees."""
    peak = predict_memory(configuration, device)
    return peak.needed_bytes > device.number("memory_full") * peak.capacity_bytes


def recomputed_share(configuration: Configuration, device: DevicePhysics) -> float:
    """The share of layers that must be recomputed whole to fit; 1 where not even that is enough."""
    c = configuration
    if c.architecture.experts or CONTAINER.match(c.release):
        return 0.0
    needed = [
        predict_memory(replace(c, recompute=level, recompute_known=True), device)
        for level in (_least(c), "full")
    ]
    over = needed[0].needed_bytes - needed[0].capacity_bytes
    saved = needed[0].needed_bytes - needed[1].needed_bytes
    if over <= 0.0 or saved <= 0.0:
        return 0.0
    whole = 1 if c.runtime == "fsdp" else max(1, c.architecture.layers // (c.pp * c.vp))
    return min(1.0, math.ceil(whole * over / saved) / whole)


def mixed(one: StepTime, other: StepTime, share: float) -> StepTime:
    """`share` of the other step and the rest of the one, term by term."""
    return StepTime(
        **{
            field.name: (1.0 - share) * getattr(one, field.name)
            + share * getattr(other, field.name)
            for field in fields(StepTime)
        }
    )


def _least(configuration: Configuration) -> Recompute:
    return "selective" if configuration.attention == "unfused" else "none"


def _recipe(configuration: Configuration) -> Configuration:
    return replace(configuration, devices=1, dp=1, global_batch=1, shard_group=1)
