"""Step time of a known configuration, term by term, in seconds."""

from __future__ import annotations

from dataclasses import dataclass

from solver.configuration.configuration import Configuration
from solver.configuration.data_parallel import copy_seconds, optimizer_seconds, step_traffic
from solver.configuration.expert_parallel import (
    added,
    expert_optimizer_seconds,
    expert_params_per_layer,
    expert_traffic,
)
from solver.configuration.groups import boundary_share_inside
from solver.configuration.head import embedding_time, head_time
from solver.configuration.host import (
    host_layer_seconds,
    host_pipeline_seconds,
    host_unsharded_seconds,
)
from solver.configuration.moe import mixed_layer
from solver.configuration.pipeline import StageTime, pipeline_seconds
from solver.configuration.stages import stage_shares
from solver.configuration.tensor_parallel import context_collectives, tensor_collectives
from solver.cost.physics.collectives import collective_seconds
from solver.cost.physics.links import fabric
from solver.cost.physics.overlap import exposed_seconds
from solver.cost.physics.parameters import DevicePhysics
from solver.cost.physics.pointwise import pointwise_seconds

# Bytes per parameter that FSDP copies between flat buffers and tensors.
GATHER_COPY_BYTES = 4.0
REDUCE_COPY_BYTES = 6.0


@dataclass(frozen=True)
class StepTime:
    """Seconds; `total` is the step, the others say where it goes on the busiest stage."""

    total: float
    compute: float
    recompute: float
    tensor: float
    context: float
    host: float
    transfers: float
    bubble: float
    gathers: float
    gradients: float
    optimizer: float


def predict_step(configuration: Configuration, device: DevicePhysics) -> StepTime:
    """The step of a configuration on a device."""
    c = configuration
    if c.network:
        device = device.with_network(c.network)
    if c.inter_node_bytes_per_s is not None:
        device = device.with_outer_bandwidth(c.inter_node_bytes_per_s)
    wires = fabric(device, c.devices_per_node)
    layer, exchange = mixed_layer(c, device)
    tensor = tensor_collectives(c, wires)
    context = context_collectives(c, wires)
    stages = stage_shares(c)
    busiest = max(stages, key=lambda share: share.layers)
    layers = busiest.layers

    a = c.architecture
    experts = expert_params_per_layer(c)
    held = experts * c.ep * c.etp
    per_layer = (a.params - a.embedding_params - a.head_params) / a.layers - held
    ends = a.embedding_params + a.head_params
    if c.pp > 1 and a.tied:
        ends = max(ends, a.embedding_params)
    elif c.pp > 1:
        ends = a.embedding_params
    params = (per_layer * layers + ends) / c.tp
    traffic = step_traffic(c, params, layers, wires)
    if experts:
        traffic = added(traffic, expert_traffic(c, experts * layers, wires))

    selective = layer.core
    if c.runtime == "fsdp":
        selective = device.number("selective_share") * (layer.forward - layer.core)
    repeated = {"none": 0.0, "selective": selective, "full": layer.forward}[c.recompute]
    repeated /= c.recompute_every
    repeated_calls = tensor.calls_forward if c.recompute == "full" else 0

    visible_forward = tensor.forward
    visible_backward = float(exposed_seconds(tensor.backward, layer.weights, device))
    if not c.sequence_parallel and c.attention == "unfused":
        visible_backward = tensor.backward
    if c.overlap_tensor and c.sequence_parallel:
        visible_forward *= 1 - device.number("tensor_overlap")
        visible_backward *= 1 - device.number("tensor_overlap")
    if c.recompute == "full":
        visible_backward += tensor.forward
    elif c.recompute == "selective" and c.runtime == "fsdp":  # gathers are repeated, sums kept
        visible_backward += tensor.forward / 2
    context_forward = float(exposed_seconds(context.forward, layer.core, device))
    context_backward = float(exposed_seconds(context.backward, 2 * layer.core, device))

    forward = layer.forward + visible_forward + context_forward
    backward = layer.backward + layer.weights + repeated + visible_backward + context_backward
    forward += 2 * exchange
    backward += 2 * exchange
    host_forward = host_layer_seconds(c, device, tensor.calls_forward, False)
    host_backward = host_layer_seconds(c, device, tensor.calls_backward, True)
    if c.recompute == "full":
        host_backward += host_layer_seconds(c, device, repeated_calls, False)
    waits = max(0.0, host_forward - forward) + max(0.0, host_backward - backward)
    forward, backward = max(forward, host_forward), max(backward, host_backward)
    least = host_pipeline_seconds(c, device)
    if forward + backward < least:
        forward, backward = (
            forward * least / (forward + backward),
            backward * least / (forward + backward),
        )

    gathered = [0.0, 0.0]
    if c.shard == "zero3":
        if c.runtime == "deepspeed":
            rail = device.outer.bandwidth_bytes_per_s * device.number("deepspeed_rail")
            volume = per_layer * c.activation_bytes / rail
            gathered[0] = volume
            gathered[1] = 2 * volume
            forward, backward = 0.35 * forward, 0.35 * backward
        else:
            copied = per_layer / c.tp
            forward += float(pointwise_seconds(GATHER_COPY_BYTES * copied, device))
            backward += float(
                pointwise_seconds((GATHER_COPY_BYTES + REDUCE_COPY_BYTES) * copied, device)
            )
            gathered[0] = float(exposed_seconds(traffic.gather_forward / layers, forward, device))
            moved = (traffic.gather_backward + traffic.reduce_backward) / layers
            gathered[1] = float(exposed_seconds(moved, backward, device))
            copies = copy_seconds(c, params / layers, device)
            gathered = [seconds + copy for seconds, copy in zip(gathered, copies, strict=True)]
        forward += gathered[0]
        backward += gathered[1]

    first, last = embedding_time(c, device), head_time(c, device)
    times = []
    for share in stages:
        f, b, w = share.layers * forward, share.layers * backward, share.layers * layer.weights
        for held, end in ((share.embedding, first), (share.head, last)):
            if held:
                f += end.forward
                b += end.backward + end.weights
                w += end.weights
        b += host_unsharded_seconds(c, device)
        times.append(StageTime(f, b, w))

    message = c.tokens_per_micro_batch * a.hidden * c.activation_bytes / c.tp
    inside = boundary_share_inside(c)
    hop = inside * float(collective_seconds("send", message, 2, 1, wires)) + (1 - inside) * float(
        collective_seconds("send", message, 1, 2, wires, min(c.devices_per_node, c.devices // c.pp))
    )
    m = c.micro_batches
    slowest = max(time.forward + time.backward for time in times)
    visible_hop = 0.0
    if c.pp > 1 and not c.overlap_pipeline:
        visible_hop = 2 * hop * c.vp
    piped = pipeline_seconds(c, tuple(times), hop) + m * visible_hop

    exposed = traffic.gradients
    window = layers * (layer.backward + layer.weights)
    if c.overlap_gradients:
        exposed = float(exposed_seconds(traffic.gradients, window, device))
    exposed_parameters = traffic.parameters
    if c.overlap_gradients and c.overlap_gathers and c.shard in ("zero1", "zero2"):
        exposed_parameters = float(
            exposed_seconds(traffic.parameters, layers * layer.forward, device)
        )
    updated = optimizer_seconds(c, params, device)
    if c.shard == "zero1" and c.runtime == "internevo":
        exposed_parameters += c.shard_group * device.number("broadcast_s")
    updated += device.number("host_step_s")
    if experts:
        updated += expert_optimizer_seconds(c, experts * layers, device)
    total = piped + exposed + exposed_parameters + updated
    return StepTime(
        total=total,
        compute=m * layers * (layer.forward + layer.backward + layer.weights),
        recompute=m * layers * repeated,
        tensor=m * layers * (visible_forward + visible_backward),
        context=m * layers * (context_forward + context_backward),
        host=m * layers * waits,
        transfers=m * visible_hop,
        bubble=piped - m * slowest - m * visible_hop,
        gathers=m * layers * sum(gathered),
        gradients=exposed + exposed_parameters,
        optimizer=updated,
    )
