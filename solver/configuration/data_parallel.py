"""Gradient reduction, parameter gathers and the optimizer of one step, on the busiest stage.

ZeRO (Rajbhandari et al., 2020): level 0 all-reduces gradients; levels 1 and 2 reduce-scatter them
and gather the updated parameters; level 3 gathers parameters for every forward and backward and
reduce-scatters every micro-batch's gradients. Within a shard group smaller than the whole, what a
rank holds is all-reduced with its replicas.

Adam moves per parameter of its shard: master, two moments, read and written (24), the gradient (4)
and the parameter (2); the norm reads gradients once more. FP16 adds unscaling and a check of
overflow. nanotron's Adam is not one kernel and moves `optimizer_passes` times that.
"""

from __future__ import annotations

from typing import NamedTuple

from solver.configuration.configuration import Configuration
from solver.configuration.groups import Group, group
from solver.cost.physics.collectives import Kind, collective_seconds
from solver.cost.physics.links import Fabric
from solver.cost.physics.parameters import DevicePhysics
from solver.cost.physics.pointwise import pointwise_seconds

ADAM_BYTES = 30.0
NORM_BYTES = 4.0
UNSCALE_BYTES = 10.0
BUCKET_PARAMS = 40e6


class StepTraffic(NamedTuple):
    """Seconds of communication: once per step, and per micro-batch forward and backward."""

    gradients: float
    parameters: float
    gather_forward: float
    gather_backward: float
    reduce_backward: float


def step_traffic(
    configuration: Configuration, params: float, layers: float, fabric: Fabric
) -> StepTraffic:
    """`params` are those on one device of a stage of `layers` layers, before sharding."""
    c = configuration
    same, shard, replicas = (group(c, axis) for axis in ("dp_cp", "shard", "replicas"))
    if same.size == 1:
        return StepTraffic(0.0, 0.0, 0.0, 0.0, 0.0)
    calls = pieces(c, params, layers)

    def seconds(kind: Kind, size: float, over: Group) -> float:
        if over.size == 1:
            return 0.0
        sharing = max(1, c.devices_per_node // over.ranks_per_node) if over.nodes > 1 else 1
        sharing = min(sharing, max(1, c.devices // over.size))
        once = collective_seconds(
            kind, size / calls, over.ranks_per_node, over.nodes, fabric, sharing
        )
        return calls * float(once)

    reduced = params * c.reduced_gradient_bytes
    weight = params * c.activation_bytes
    if c.shard == "none":
        return StepTraffic(seconds("all_reduce", reduced, same), 0.0, 0.0, 0.0, 0.0)
    if c.runtime == "nanotron":  # reduces whole, whatever it shards
        scatter = seconds("all_reduce", reduced, same)
    else:
        scatter = seconds("reduce_scatter", reduced, shard)
        scatter += seconds("all_reduce", reduced / shard.size, replicas)
    if c.shard in ("zero1", "zero2"):
        if c.runtime == "nanotron":  # one coalesced gather
            calls = 1.0
        return StepTraffic(scatter, seconds("all_gather", weight, shard), 0.0, 0.0, 0.0)
    gather = seconds("all_gather", weight / (2 if c.fp8_gather else 1), shard)
    return StepTraffic(0.0, 0.0, gather, gather, scatter)


def pieces(configuration: Configuration, params: float, layers: float) -> float:
    """Collectives for a stage's parameters or gradients: one per layer where layers are sharded,
    one per bucket of 40 million otherwise."""
    if configuration.shard == "zero3":
        return layers
    return max(1.0, params / BUCKET_PARAMS)


def copy_seconds(
    configuration: Configuration, params: float, device: DevicePhysics
) -> tuple[float, float]:
    """Copies around the gathers and the reduction of `params`, forward and backward, which compute
    waits for: gathered parameters are read and written twice, gradients read and widened once."""
    c = configuration
    if not c.gather_copies:
        return 0.0, 0.0
    out = 2.0 * c.activation_bytes * params
    back = (c.activation_bytes + c.reduced_gradient_bytes) * params
    return float(pointwise_seconds(out, device)), float(pointwise_seconds(out + back, device, 2))


def optimizer_seconds(configuration: Configuration, params: float, device: DevicePhysics) -> float:
    """Adam on the share of `params` that a device updates."""
    c = configuration
    mine = params if c.shard == "none" else params / c.shard_group
    return update_seconds(c, params, mine, device)


def update_seconds(
    configuration: Configuration, params: float, mine: float, device: DevicePhysics
) -> float:
    """Adam on `mine` parameters, the norm of their gradients, and zeroing those of `params`."""
    c = configuration
    moved = ADAM_BYTES + NORM_BYTES + (UNSCALE_BYTES if c.precision == "fp16" else 0.0)
    passes = device.number("optimizer_passes") if c.runtime == "nanotron" else 1.0
    zeroed = params * c.main_gradient_bytes
    return float(pointwise_seconds(moved * passes * mine + zeroed, device, 10))
