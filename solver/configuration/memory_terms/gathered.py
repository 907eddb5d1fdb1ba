"""What is whole for a moment: layers of a sharded model, inputs that tensor parallelism gathers.

FSDP holds the layer that runs and the next, gathered ahead, in two bytes, the tables at both ends
throughout (PyTorch's root module), and the gradients of the largest of these before they are cut.
In a pipeline it gathers once per step: a stage's parameters stay whole, and so do their gradients,
until the last micro-batch (torchtitan's `reshard_after_forward` by default).
DeepSpeed gathers matrix by matrix, up to `stage3_max_live_parameters` (1e9) ahead.

nanotron gathers a layer's sequence-parallel input twice (attention and block). The caching
allocator cannot use such a buffer again until the communication stream has passed it
(`record_stream`), so as long as the host runs ahead of the device (`backlog`) they stay with every
layer in flight: 4 h bytes per token and layer, as without recomputed gathers. Without a pipeline
all of them stay, `SINGLE` where a step has one micro-batch. Between 1F1B's passes the host is held
back: only warm-up micro-batches keep them, all but two and a part of one more (`WARM_UP_PART`), at
most `STAGES_MOST` of all, unless the device is the slower one in a steady phase (m > p): then
`gathers_held`, those of the backward among them; `STAGES_SHORT` without that phase, `STAGES_WIDE`
where tensor parallelism leaves the node, `STAGES_WIDEST` beyond two nodes. Under pressure the
allocator waits and takes them back (see `reserve`). Measured on nanotron's published runs; assumed
nowhere else.
"""

from __future__ import annotations

from solver.configuration.configuration import Configuration
from solver.configuration.memory_terms.backlog import device_by_host
from solver.configuration.memory_terms.stage import StageLoad
from solver.configuration.memory_terms.states import StageParams
from solver.cost.physics.parameters import DevicePhysics

MAX_LIVE = 1e9
STAGES_MOST, STAGES_SHORT, STAGES_WIDE, STAGES_WIDEST = 0.7, 0.1, 0.4, 0.06
SINGLE, WARM_UP_PART = 0.8, 0.22


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
    if c.pp == 1:
        return 1.0 if c.micro_batches > 1 else SINGLE
    if c.tp > 2 * c.devices_per_node:
        return STAGES_WIDEST
    if c.micro_batches == 1:
        return 1.0
    warm_up = min(STAGES_MOST, (c.pp - 2 + WARM_UP_PART) / c.pp)
    if device_by_host(c, device) < 1:
        return warm_up
    if c.tp > c.devices_per_node:
        return max(warm_up, STAGES_WIDE)
    return device.number("gathers_held") if c.micro_batches > c.pp else max(warm_up, STAGES_SHORT)
