"""Sharded parameters (ZeRO-3, FSDP): what their gathers and reductions add to a layer.

FSDP gathers the next layer while it computes this one, forward and backward, and reduces gradients
beside the backward; its copies between flat buffers and tensors are waited for. DeepSpeed's first
ZeRO-3 broadcast every parameter from its owner over one network card and hid little of it: a layer
takes the time of its messages and `deepspeed_exposed` of its compute.
"""

from __future__ import annotations

from typing import NamedTuple

from solver.configuration.configuration import Configuration
from solver.configuration.data_parallel import StepTraffic, copy_seconds
from solver.cost.physics.overlap import exposed_seconds
from solver.cost.physics.parameters import DevicePhysics


class GatheredLayer(NamedTuple):
    """Seconds of a layer with its gathers; `visible` is what they add."""

    forward: float
    backward: float
    visible: float


def gathered_layer(
    configuration: Configuration,
    device: DevicePhysics,
    traffic: StepTraffic,
    params: float,
    layers: float,
    times: tuple[float, float],
) -> GatheredLayer:
    """One of `layers` layers with `params` parameters in all; `times` without gathers."""
    c = configuration
    forward, backward = times
    if c.shard != "zero3" or c.shard_group == 1:
        return GatheredLayer(forward, backward, 0.0)
    if c.runtime == "deepspeed":
        rail = device.outer.bandwidth_bytes_per_s * device.number("deepspeed_rail")
        message = params / layers * c.activation_bytes / rail
        shown = device.number("deepspeed_exposed")
        return GatheredLayer(shown * forward + message, shown * backward + 2 * message, 3 * message)
    moved = (traffic.gather_backward + traffic.reduce_backward) / layers
    out, back = copy_seconds(c, params / layers, device)
    ahead = float(exposed_seconds(traffic.gather_forward / layers, forward, device)) + out
    behind = float(exposed_seconds(moved, backward, device)) + back
    return GatheredLayer(forward + ahead, backward + behind, ahead + behind)
