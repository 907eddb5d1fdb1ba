"""The host's share: seconds the CPU needs to launch a layer's kernels.

A device waits for its host where kernels are shorter than their launches. One layer forward takes
the host `host_layer_s`, backward `host_backward_ratio` times that; every collective adds
`host_collective_s`. Captured graphs take none of it.
"""

from __future__ import annotations

from solver.configuration.configuration import Configuration
from solver.cost.physics.parameters import DevicePhysics


def host_layer_seconds(
    configuration: Configuration, device: DevicePhysics, calls: int, backward: bool
) -> float:
    """Seconds of host time for one layer and micro-batch in one direction."""
    c = configuration
    if c.cuda_graphs:
        return 0.0
    once = device.number("host_layer_s") * (1.0 if c.compiled else device.number("host_eager"))
    ratio = device.number("host_backward_ratio") if backward else 1.0
    wait = device.number("host_collective_s") + device.number("host_rank_s") * (c.tp - 1)
    return once * ratio + calls * wait


def host_update_seconds(
    configuration: Configuration, layers: float, device: DevicePhysics
) -> float:
    """Seconds of host time around the update of `layers` layers that nothing hides: a constant, and
    loops over tensors where an optimizer is sharded by modules that run eagerly."""
    c = configuration
    once = device.number("host_step_s")
    if c.compiled or c.shard not in ("zero1", "zero2"):
        return once
    return once + layers * device.number("host_update_layer_s")


def host_pipeline_seconds(configuration: Configuration, device: DevicePhysics) -> float:
    """Least seconds of one layer and micro-batch, both directions, in nanotron's pipelines.

    Measured on many runs: where stages talk over the network, every layer's tensor-parallel
    collectives wait for the host, however small they are: a time that grows with the degree and,
    once groups cross nodes, with its square.
    """
    c = configuration
    if c.runtime != "nanotron" or c.pp == 1 or c.tp == 1 or c.devices <= c.devices_per_node:
        return 0.0
    wait = device.number("pipeline_wait_s") + device.number("pipeline_wait_rank_s") * c.tp
    return wait + device.number("pipeline_wait_pair_s") * c.tp * c.tp


def host_stall_seconds(
    configuration: Configuration, device: DevicePhysics, memory_is_full: bool
) -> float:
    """Seconds that a stage of nanotron's pipelines stalls per micro-batch and neighbour: measured,
    whatever the size, where the allocator has to give memory back, and where hooks all-reduce
    gradients (ZeRO 0) of many micro-batches on eight nodes and more, on four with more than two
    replicas, or where replicas outnumber stages."""
    c = configuration
    if c.runtime != "nanotron" or c.pp == 1:
        return 0.0
    nodes = c.devices // c.devices_per_node
    hooked = c.shard == "none" and c.dp > 1 and c.micro_batches > 8
    wide = nodes >= 8 or (nodes >= 4 and c.dp > 2) or c.dp > c.pp
    if memory_is_full or (hooked and nodes > 1 and wide):
        return device.number("stall_s") * min(2, c.pp - 1)
    return 0.0
