"""What is whole for a moment: layers of a sharded model, inputs that tensor parallelism gathers.

FSDP holds the layer that runs and the next, gathered ahead, in two bytes, the tables at both ends
throughout (PyTorch's root module), and the gradients of the largest of these before they are cut.
In a pipeline it gathers once per step: a stage's parameters stay whole, and so do their gradients,
until the last micro-batch (torchtitan's `reshard_after_forward` by default).
DeepSpeed gathers matrix by matrix, up to `stage3_max_live_parameters` (1e9) ahead.

nanotron gathers a layer's sequence-parallel input twice (attention and block). The caching
allocator cannot use such a buffer again until the communication stream has passed it
(`record_stream`), so as long as the host runs ahead of the device they stay with every layer in
flight: 4 h bytes per token and layer, as without recomputed gathers. Between 1F1B's passes the host
is held back: the first p - 2 warm-up micro-batches keep them, at most `gathers_held` of all, unless
the device is the slower one in a steady phase (m > p); `STAGES_SHORT` of them without that phase,
`STAGES_WIDE` where tensor parallelism leaves the node, `STAGES_WIDEST` beyond two nodes. Whether
host or device is slower is judged by `host_layer_s_per_tensor_rank` against a layer's products at
half the peak and its collectives. Under pressure the allocator waits and takes them back (see
`reserve`). Measured on nanotron's published runs; assumed nowhere else.
"""

from __future__ import annotations

from solver.configuration.configuration import Configuration
from solver.configuration.memory_terms.stage import StageLoad
from solver.configuration.memory_terms.states import StageParams
from solver.cost.physics.parameters import DevicePhysics

MAX_LIVE = 1e9
STAGES_SHORT, STAGES_WIDE, STAGES_WIDEST = 0.25, 0.55, 0.05


def gathered_layer_bytes(
    configuration: Configuration, load: StageLoad, params: StageParams
) -> float:
    """Whole layers of a sharded model on one device."""
    c = configuration
    if c.shard != "zero3" or c.shard_group == 1:
        return 0.0
    a = c.architecture
    if c.runtime == "deepspeed":
        return 2.0 * max(MAX_LIVE, a.hidden * max(a.ffn, a.moe_ffn) * 2.0)
    tables = load.embedding + load.head - (a.tied and load.embedding and load.head)
    ends = tables * a.vocab * a.hidden / c.tp
    layer = max(0.0, params.common + params.experts - ends) / max(1.0, load.layers)
    layers = min(2.0, load.layers)
    if c.pp > 1:
        return 2.0 * 2.0 * params.common + 2.0 * layers * params.experts / max(1.0, load.layers)
    table = a.vocab * a.hidden / c.tp if load.head else 0.0
    return 2.0 * (layers * layer + ends) + 2.0 * max(layer, table)


def held_gather_bytes(
    configuration: Configuration, load: StageLoad, device: DevicePhysics
) -> float:
    """Gathered inputs that the allocator cannot use again yet, on one device."""
    c = configuration
    if c.runtime != "nanotron" or not c.sequence_parallel:
        return 0.0
    each = 2 * 2.0 * c.architecture.hidden * c.tokens_per_micro_batch
    return _share_held(c, device) * each * load.layers * load.in_flight


def _share_held(configuration: Configuration, device: DevicePhysics) -> float:
    c = configuration
    most = device.number("gathers_held")
    if c.pp == 1:
        return 1.0 if c.micro_batches > 1 else most
    if c.tp > 2 * c.devices_per_node:
        return STAGES_WIDEST
    if c.micro_batches == 1:
        return 1.0
    warm_up = min(most, max(0.0, (c.pp - 2) / c.pp))
    if not _device_is_slower(c, device):
        return warm_up
    if c.tp > c.devices_per_node:
        return max(warm_up, STAGES_WIDE)
    return most if c.micro_batches > c.pp else max(warm_up, STAGES_SHORT)


def _device_is_slower(configuration: Configuration, device: DevicePhysics) -> bool:
    a, c = configuration.architecture, configuration
    if c.devices <= c.devices_per_node:
        return True
    tokens = c.tokens_per_micro_batch
    params = (a.params - a.embedding_params - a.head_params) / a.layers
    flops = 6.0 * tokens * (params + a.heads * a.head_dim * c.seq_len) / c.tp
    moved = 8 * 2.0 * a.hidden * tokens
    seconds = flops / (0.5 * device.peak_flop_per_s("bf16"))
    seconds += moved / (device.number("gather_rate") * device.inner.bandwidth_bytes_per_s)
    return seconds >= device.number("host_layer_s_per_tensor_rank") * c.tp
