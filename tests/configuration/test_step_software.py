"""Rules about kinds of software, and what each adds to a step."""

from __future__ import annotations

from dataclasses import replace

import pytest

from solver.configuration.architecture import Architecture
from solver.configuration.configuration import Configuration
from solver.configuration.data_parallel import StepTraffic, copy_seconds, step_traffic
from solver.configuration.gathers import gathered_layer
from solver.configuration.head import embedding_time, head_time
from solver.configuration.host import (
    host_layer_seconds,
    host_pipeline_seconds,
    host_stall_seconds,
    host_update_seconds,
)
from solver.configuration.layer import dense_layer
from solver.configuration.layer_step import layer_step
from solver.configuration.read import read_configuration
from solver.configuration.stages import stage_shares
from solver.configuration.time import predict_step
from solver.configuration.transfers import hop_seconds, visible_hops_seconds
from solver.cost.physics.links import fabric
from solver.cost.physics.parameters import DevicePhysics, device_physics

LLAMA = Architecture(
    layers=28,
    hidden=3072,
    ffn=8192,
    heads=32,
    kv_heads=32,
    head_dim=96,
    vocab=131072,
    tied=True,
)
NANOTRON = Configuration(
    architecture=LLAMA,
    device="h100_sxm",
    devices=64,
    devices_per_node=8,
    precision="bf16",
    seq_len=4096,
    global_batch=256,
    micro_batch=1,
    tp=8,
    pp=2,
    dp=4,
    shard="zero1",
    shard_group=4,
    sequence_parallel=True,
    overlap_tensor=True,
    runtime="nanotron",
    compiled=False,
    vendor_kernels=False,
)


@pytest.fixture
def h100() -> DevicePhysics:
    return device_physics("h100_sxm")


def test_a_layer_takes_at_least_its_launches(h100: DevicePhysics) -> None:
    tiny = replace(NANOTRON, seq_len=64, pp=1, dp=8, shard_group=8)
    step = layer_step(tiny, h100, fabric(h100, 8))
    calls = 4, 6
    assert step.forward == pytest.approx(host_layer_seconds(tiny, h100, calls[0], backward=False))
    assert step.backward == pytest.approx(host_layer_seconds(tiny, h100, calls[1], backward=True))
    assert step.waits > 0.0


def test_captured_graphs_need_no_launches(h100: DevicePhysics) -> None:
    captured = replace(NANOTRON, cuda_graphs=True)
    assert host_layer_seconds(captured, h100, 4, backward=True) == 0.0


def test_pipelines_over_a_network_wait_per_rank(h100: DevicePhysics) -> None:
    one, per_rank, per_pair = (
        h100.number(f"pipeline_wait_{name}") for name in ("s", "rank_s", "pair_s")
    )
    expected = one + 8 * per_rank + 64 * per_pair
    assert host_pipeline_seconds(NANOTRON, h100) == pytest.approx(expected)
    for changes in ({"pp": 1}, {"tp": 1}, {"devices": 8}, {"runtime": "megatron"}):
        assert host_pipeline_seconds(replace(NANOTRON, **changes), h100) == 0.0


def test_waits_are_the_same_for_every_micro_batch_size(h100: DevicePhysics) -> None:
    """What is measured: 0.345 s per micro-batch of one to eight sequences on TP 8, PP 2."""
    wires = fabric(h100, 8)
    few, more = (layer_step(replace(NANOTRON, micro_batch=m), h100, wires) for m in (1, 4))
    assert few.forward + few.backward == pytest.approx(more.forward + more.backward)


def test_stalls_without_room(h100: DevicePhysics) -> None:
    once = h100.number("stall_s")
    assert host_stall_seconds(NANOTRON, h100, memory_is_full=False) == 0.0
    assert host_stall_seconds(NANOTRON, h100, memory_is_full=True) == once
    deeper = replace(NANOTRON, pp=4, dp=2)
    assert host_stall_seconds(deeper, h100, memory_is_full=True) == 2 * once
    assert host_stall_seconds(replace(NANOTRON, pp=1), h100, memory_is_full=True) == 0.0


def test_hooked_gradients_stall_long_accumulations(h100: DevicePhysics) -> None:
    hooked = replace(NANOTRON, shard="none", shard_group=1)
    assert hooked.micro_batches == 64
    assert host_stall_seconds(hooked, h100, memory_is_full=False) == h100.number("stall_s")
    short = replace(hooked, micro_batch=8)
    assert host_stall_seconds(short, h100, memory_is_full=False) == 0.0


def test_sharded_eager_optimizers_loop_on_the_host(h100: DevicePhysics) -> None:
    once = h100.number("host_step_s")
    loops = 28 * h100.number("host_update_layer_s")
    assert host_update_seconds(NANOTRON, 28, h100) == pytest.approx(once + loops)
    assert host_update_seconds(replace(NANOTRON, compiled=True), 28, h100) == once
    assert host_update_seconds(replace(NANOTRON, shard="none"), 28, h100) == once


def test_nanotron_reduces_whole_whatever_it_shards(h100: DevicePhysics) -> None:
    wires = fabric(h100, 8)
    cut = step_traffic(NANOTRON, 1e9, 28, wires)
    whole = step_traffic(replace(NANOTRON, shard="none", shard_group=1), 1e9, 28, wires)
    assert cut.gradients == whole.gradients
    assert cut.parameters > 0.0


FSDP = replace(
    NANOTRON,
    tp=1,
    pp=1,
    dp=64,
    shard="zero3",
    shard_group=64,
    sequence_parallel=False,
    overlap_tensor=False,
    runtime="fsdp",
    compiled=True,
)


def test_gathers_hide_behind_layers(h100: DevicePhysics) -> None:
    traffic = StepTraffic(0.0, 0.0, 28e-3, 28e-3, 56e-3)
    layer = gathered_layer(FSDP, h100, traffic, 1e9, 28, (2e-3, 5e-3))
    slow = h100.number("overlap_slowdown")
    assert layer.forward == pytest.approx(2e-3 + slow * 1e-3)
    assert layer.backward == pytest.approx(5e-3 + slow * 3e-3)


def test_gathers_longer_than_a_layer_show(h100: DevicePhysics) -> None:
    traffic = StepTraffic(0.0, 0.0, 28e-3, 28e-3, 56e-3)
    layer = gathered_layer(FSDP, h100, traffic, 1e9, 28, (0.4e-3, 5e-3))
    slow = h100.number("overlap_slowdown")
    assert layer.forward == pytest.approx(1e-3 + slow * 0.4e-3)


def test_per_parameter_shards_are_copied(h100: DevicePhysics) -> None:
    copied = replace(FSDP, gather_copies=True)
    assert copy_seconds(FSDP, 1e9, h100) == (0.0, 0.0)
    ahead, behind = copy_seconds(copied, 1e9, h100)
    assert behind > ahead > 4e9 / h100.memory_bandwidth_bytes_per_s


def test_early_zero_3_sends_over_one_card(h100: DevicePhysics) -> None:
    """Two bytes per parameter and pass, three passes."""
    early = replace(FSDP, runtime="deepspeed", compiled=False)
    nothing = StepTraffic(0.0, 0.0, 0.0, 0.0, 0.0)
    layer = gathered_layer(early, h100, nothing, 28e9, 28, (0.0, 0.0))
    rail = h100.outer.bandwidth_bytes_per_s * h100.number("deepspeed_rail")
    assert layer.forward + layer.backward == pytest.approx(3 * 2e9 / rail)


def test_frozen_weights_have_no_gradients(h100: DevicePhysics) -> None:
    adapters = replace(FSDP, frozen_base=True)
    wires = fabric(h100, 8)
    tuned, trained = layer_step(adapters, h100, wires), layer_step(FSDP, h100, wires)
    assert tuned.weights == 0.0
    assert trained.weights == dense_layer(FSDP, h100).weights
    assert tuned.forward > trained.forward
    assert predict_step(adapters, h100).gradients == 0.0


def test_ends_scale_with_the_vocabulary(h100: DevicePhysics) -> None:
    small = replace(FSDP, architecture=replace(LLAMA, vocab=65536))
    assert head_time(FSDP, h100).weights > 1.8 * head_time(small, h100).weights
    assert embedding_time(FSDP, h100) == embedding_time(small, h100)


def test_transfers_divide_by_tensor_parallelism(h100: DevicePhysics) -> None:
    wires = fabric(h100, 8)
    wide = replace(NANOTRON, tp=1, dp=32, shard_group=32)
    assert hop_seconds(NANOTRON, wires) < hop_seconds(wide, wires)
    assert hop_seconds(FSDP, wires) == 0.0
    hop = 1e-3
    assert visible_hops_seconds(NANOTRON, hop) == 2 * hop
    assert visible_hops_seconds(replace(NANOTRON, overlap_pipeline=True), hop) == 0.0
    assert visible_hops_seconds(replace(NANOTRON, vp=3), hop) == 6 * hop


def test_portable_attention_is_slower(h100: DevicePhysics) -> None:
    vendor = dense_layer(replace(FSDP, vendor_kernels=True), h100)
    portable = dense_layer(FSDP, h100)
    assert portable.core == pytest.approx(vendor.core * h100.number("attention_portable"))


def test_unfused_cores_draw_random_numbers() -> None:
    a100 = device_physics("a100_80")
    row = {
        "model": "GPT",
        "gpu": "A100",
        "n_gpus": "8",
        "precision": "fp16",
        "seq_len": "1024",
        "gbs": "64",
        "mbs": "4",
        "notes": "layers=24 hidden=2304 heads=24 vocab=50257",
    }
    c = read_configuration(row)
    assert c.attention == "unfused"
    scores = 4 * 24 * 1024**2
    core = dense_layer(c, a100).core
    quick = dense_layer(c, a100.with_numbers(dropout_per_s=1e30)).core
    assert core - quick == pytest.approx(scores / a100.number("dropout_per_s"))


def test_prediction_modules_are_a_layer_and_a_head_more(h100: DevicePhysics) -> None:
    more = replace(FSDP, mtp_layers=1)
    assert [share.layers for share in stage_shares(more)] == [29]
    assert head_time(more, h100).forward == pytest.approx(2 * head_time(FSDP, h100).forward)
