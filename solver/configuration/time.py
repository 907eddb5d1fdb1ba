"""Step time of a known configuration, term by term, in seconds.

Micro-batches pass the pipeline (`pipeline.py`); then come what of the gradient reduction and of the
parameter gathers is visible, and the optimizer. Gradients of a stage reduce beside the backward of
the last micro-batch, updated parameters are gathered beside the first forward.
"""

from __future__ import annotations

from dataclasses import dataclass

from solver.configuration.configuration import Configuration
from solver.configuration.data_parallel import StepTraffic, optimizer_seconds, step_traffic
from solver.configuration.expert_parallel import (
    added,
    expert_optimizer_seconds,
    expert_params_per_layer,
    expert_traffic,
)
from solver.configuration.gathers import GatheredLayer, gathered_layer
from solver.configuration.head import EndTime, embedding_time, head_time
from solver.configuration.host import host_stall_seconds, host_update_seconds
from solver.configuration.layer_step import LayerStep, layer_step
from solver.configuration.pipeline import StageTime, pipeline_seconds
from solver.configuration.stages import StageShare, stage_shares
from solver.configuration.transfers import hop_seconds, visible_hops_seconds
from solver.cost.physics.links import fabric
from solver.cost.physics.overlap import exposed_seconds
from solver.cost.physics.parameters import DevicePhysics


@dataclass(frozen=True)
class StepTime:
    """Seconds; `total` is the step, the others say where it goes on the busiest stage."""

    total: float
    compute: float
    recompute: float
    tensor: float
    context: float
    exchange: float
    host: float
    transfers: float
    bubble: float
    gathers: float
    gradients: float
    optimizer: float


def predict_step(
    configuration: Configuration, device: DevicePhysics, memory_is_full: bool = False
) -> StepTime:
    """The step of a configuration on a device, whose memory may be nearly full."""
    c = configuration
    device = connected(c, device)
    wires = fabric(device, c.devices_per_node)
    stages = stage_shares(c)
    layers = max(share.layers for share in stages)
    params = stage_params(c, layers)
    experts = expert_params_per_layer(c) * layers
    traffic = step_traffic(c, params, layers, wires)
    if experts:
        traffic = added(traffic, expert_traffic(c, experts, wires))

    one = layer_step(c, device, wires)
    layer = gathered_layer(c, device, traffic, params, layers, (one.forward, one.backward))
    stall = host_stall_seconds(c, device, memory_is_full)
    times = _stage_times(c, device, stages, one, layer, stall)
    hop = hop_seconds(c, wires)
    hops = visible_hops_seconds(c, hop)
    m = c.micro_batches
    piped = pipeline_seconds(c, times, hop) + m * hops
    slowest = max(time.forward + time.backward for time in times)
    visible = _visible_traffic(c, traffic, one, layers, device)
    updated = 0.0 if c.frozen_base else optimizer_seconds(c, params, device)
    if experts:
        updated += expert_optimizer_seconds(c, experts, device)
    updated += host_update_seconds(c, layers, device)
    return StepTime(
        total=piped + visible + updated,
        compute=m * layers * one.compute,
        recompute=m * layers * one.recompute,
        tensor=m * layers * one.tensor,
        context=m * layers * one.context,
        exchange=m * layers * one.exchange,
        host=m * layers * one.waits,
        transfers=m * hops,
        bubble=piped - m * (slowest + hops),
        gathers=m * layers * layer.visible,
        gradients=visible,
        optimizer=updated,
    )


def connected(configuration: Configuration, device: DevicePhysics) -> DevicePhysics:
    """The device on the network that the configuration names."""
    c = configuration
    if c.network:
        device = device.with_network(c.network)
    if c.inter_node_bytes_per_s is not None:
        device = device.with_outer_bandwidth(c.inter_node_bytes_per_s)
    return device


def stage_params(configuration: Configuration, layers: float) -> float:
    """Parameters but experts on one device of the stage that holds most: `layers` layers and the
    larger end. A tied table is on both ends of a pipeline."""
    a, c = configuration.architecture, configuration
    inside = (a.params - a.embedding_params - a.head_params) / a.layers
    inside -= expert_params_per_layer(c) * c.ep * c.etp
    both = a.embedding_params + a.head_params
    ends = both if c.pp == 1 else max(a.embedding_params, a.head_params)
    return (inside * layers + ends) / c.tp


def _stage_times(
    configuration: Configuration,
    device: DevicePhysics,
    stages: tuple[StageShare, ...],
    one: LayerStep,
    layer: GatheredLayer,
    stall: float,
) -> tuple[StageTime, ...]:
    """Seconds of every stage and one micro-batch."""
    c = configuration
    first, last = embedding_time(c, device), head_time(c, device)
    nothing = EndTime(0.0, 0.0, 0.0)
    times = []
    for share in stages:
        ends = (first if share.embedding else nothing, last if share.head else nothing)
        weights = 0.0 if c.frozen_base else sum(end.weights for end in ends)
        forward = share.layers * layer.forward + sum(end.forward for end in ends)
        backward = share.layers * layer.backward + sum(end.backward for end in ends) + weights
        times.append(StageTime(forward, backward + stall, share.layers * one.weights + weights))
    return tuple(times)


def _visible_traffic(
    configuration: Configuration,
    traffic: StepTraffic,
    one: LayerStep,
    layers: float,
    device: DevicePhysics,
) -> float:
    """Seconds of the gradient reduction and of the gathers of updated parameters that no compute
    hides: all of nanotron's, which one hardware queue holds back. InternEvo's owners broadcast
    their parameters one after another."""
    c = configuration
    if c.frozen_base:
        return 0.0
    gradients, parameters = traffic.gradients, traffic.parameters
    if c.overlap_gradients and c.runtime != "nanotron":
        gradients = float(exposed_seconds(gradients, layers * one.backward, device))
    if c.overlap_gathers and c.runtime != "nanotron":
        parameters = float(exposed_seconds(parameters, layers * one.forward, device))
    if c.runtime == "internevo" and c.shard == "zero1":
        parameters += c.shard_group * device.number("broadcast_s")
    return gradients + parameters
