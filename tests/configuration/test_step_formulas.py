"""The rules of a step on cases whose result is known."""

from __future__ import annotations

from dataclasses import replace

import pytest

from solver.configuration.architecture import Architecture
from solver.configuration.configuration import Configuration
from solver.configuration.data_parallel import optimizer_seconds, step_traffic
from solver.configuration.flops import model_flop, utilisation
from solver.configuration.groups import Group, boundary_share_inside, group
from solver.configuration.layer import dense_layer, feed_forward, linears
from solver.configuration.layer_step import layer_step
from solver.configuration.pipeline import StageTime, pipeline_seconds
from solver.configuration.settle import mixed, settled_step
from solver.configuration.stages import stage_shares
from solver.configuration.tensor_parallel import tensor_collectives
from solver.configuration.time import predict_step, stage_params
from solver.cost.physics.collectives import collective_seconds
from solver.cost.physics.links import fabric
from solver.cost.physics.overlap import exposed_seconds
from solver.cost.physics.parameters import DevicePhysics, device_physics

GPT = Architecture(
    layers=24,
    hidden=2048,
    ffn=8192,
    heads=16,
    kv_heads=16,
    head_dim=128,
    vocab=51200,
    max_seq=2048,
    glu=False,
    tied=True,
    norm="layer",
    positions="learned",
    linear_bias=True,
)


def configuration(**changes: object) -> Configuration:
    base = Configuration(
        architecture=GPT,
        device="a100_80",
        devices=8,
        devices_per_node=8,
        precision="bf16",
        seq_len=2048,
        global_batch=64,
        micro_batch=2,
        dp=8,
    )
    return replace(base, **changes)  # type: ignore[arg-type]


@pytest.fixture
def a100() -> DevicePhysics:
    return device_physics("a100_80")


# ---- pipelines -----------------------------------------------------------------------------


def uniform(stages: int, forward: float, backward: float, weights: float) -> tuple[StageTime, ...]:
    return (StageTime(forward, backward, weights),) * stages


@pytest.mark.parametrize("stages", [2, 4, 8])
@pytest.mark.parametrize("micro_batches", [8, 32])
def test_bubble_of_one_forward_one_backward(stages: int, micro_batches: int) -> None:
    c = configuration(pp=stages, devices=stages, dp=1, global_batch=2 * micro_batches)
    seconds = pipeline_seconds(c, uniform(stages, 1.0, 2.0, 1.0), hop=0.0)
    assert seconds == pytest.approx((micro_batches + stages - 1) * 3.0)


def test_chunks_divide_the_ramp() -> None:
    c = configuration(pp=4, vp=3, schedule="interleaved", devices=4, dp=1, global_batch=32)
    seconds = pipeline_seconds(c, uniform(4, 1.0, 2.0, 1.0), hop=0.0)
    assert seconds == pytest.approx((16 + 3 / 3) * 3.0)


def test_slowest_stage_paces_the_others() -> None:
    c = configuration(pp=2, devices=2, dp=1, global_batch=20)
    stages = (StageTime(1.0, 2.0, 1.0), StageTime(2.0, 3.0, 1.0))
    assert pipeline_seconds(c, stages, hop=0.0) == pytest.approx(3.0 + 10 * 5.0)


@pytest.mark.parametrize(("micro_batches", "published"), [(24, 0.1585), (32, 0.1242), (64, 0.0674)])
def test_bubble_of_zb_1p(micro_batches: int, published: float) -> None:
    """Qi et al., 2024, table 5: 1.5B, T_F 18.522, T_B 18.086, T_W 9.337, T_comm 0.601 ms."""
    times = uniform(8, 18.522, 18.086 + 9.337, 9.337)
    c = configuration(
        pp=8, schedule="zb-1p", devices=8, dp=1, micro_batch=1, global_batch=micro_batches
    )
    cost = pipeline_seconds(c, times, hop=0.601)
    assert 1 - micro_batches * 45.945 / cost == pytest.approx(published, abs=0.01)


def test_zb_2p_ends_no_sooner_than_the_chain_without_weights() -> None:
    times = uniform(8, 1.0, 2.0, 1.0)
    few = configuration(pp=8, schedule="zb-2p", devices=8, dp=1, micro_batch=1, global_batch=2)
    many = replace(few, global_batch=64)
    assert pipeline_seconds(few, times, hop=0.0) == pytest.approx((8 + 1) * 2.0 + 1.0)
    assert pipeline_seconds(many, times, hop=0.0) == pytest.approx(64 * 3.0)


# ---- shapes --------------------------------------------------------------------------------


@pytest.mark.parametrize("tp", [1, 2, 4, 8])
def test_linear_layers_have_the_parameters_of_a_layer(tp: int) -> None:
    """12 h^2 weights per layer, cut by tensor parallelism."""
    rows = (*linears(GPT, tp), *feed_forward(GPT.hidden, GPT.ffn, GPT.glu, tp))
    assert sum(a * b for a, b in rows) == pytest.approx(12 * 2048**2 / tp)


def test_layers_are_dealt_evenly_first_stages_first() -> None:
    shares = stage_shares(configuration(pp=5, devices=5, dp=1))
    assert [share.layers for share in shares] == [5, 5, 5, 5, 4]
    assert [share.head for share in shares] == [False] * 4 + [True]


def test_two_layers_short_of_even_leave_the_ends() -> None:
    deep = replace(GPT, layers=126)
    c = configuration(architecture=deep, pp=8, vp=8, schedule="interleaved", devices=8, dp=1)
    assert [share.layers for share in stage_shares(c)] == [15, *[16] * 6, 15]


def test_nanotron_deals_the_head_as_layers() -> None:
    small = replace(GPT, layers=28, hidden=3072, heads=32, head_dim=96, kv_heads=32, glu=True)
    small = replace(small, vocab=131072)
    c = configuration(architecture=small, pp=8, devices=8, dp=1, runtime="nanotron")
    assert [share.layers for share in stage_shares(c)] == [4, 4, 4, 4, 4, 4, 4, 0]


def test_stage_parameters() -> None:
    whole = configuration()
    assert stage_params(whole, 24) == pytest.approx(GPT.params)
    cut = configuration(tp=2, pp=4, dp=1)
    per_layer = GPT.dense_layer_params
    assert stage_params(cut, 6) == pytest.approx((6 * per_layer + GPT.embedding_params) / 2)


# ---- who talks to whom ---------------------------------------------------------------------


def test_groups_of_three_dimensional_parallelism() -> None:
    c = configuration(devices=64, tp=4, pp=2, dp=8)
    assert group(c, "tp") == Group(4, 1)
    assert group(c, "dp") == Group(2, 4)
    sharded = replace(c, shard="zero1", shard_group=2)
    assert group(sharded, "shard") == Group(2, 1)
    assert group(sharded, "replicas") == Group(1, 4)


@pytest.mark.parametrize(("tp", "pp", "share"), [(8, 2, 0.0), (4, 4, 2 / 3), (1, 8, 1.0)])
def test_share_of_boundaries_inside_a_node(tp: int, pp: int, share: float) -> None:
    c = configuration(devices=max(16, tp * pp) if tp > 1 else 8, tp=tp, pp=pp, dp=1)
    assert boundary_share_inside(c) == pytest.approx(share)


def test_tensor_parallel_volumes(a100: DevicePhysics) -> None:
    """Korthikanti et al., 2022: 4 all-reduces of s b h values per layer, or as many gathers and
    scatters, and one more gather of each input for the gradients of weights."""
    wires = fabric(a100, 8)
    plain = tensor_collectives(configuration(tp=8, dp=1), wires)
    size = 2 * 2048 * 2048 * 2
    once = float(collective_seconds("all_reduce", size, 8, 1, wires))
    assert plain.forward == pytest.approx(2 * once)
    assert plain.backward == pytest.approx(2 * once)
    cut = tensor_collectives(configuration(tp=8, dp=1, sequence_parallel=True), wires)
    gather = float(collective_seconds("all_gather", size, 8, 1, wires))
    scatter = float(collective_seconds("reduce_scatter", size, 8, 1, wires))
    assert cut.forward == pytest.approx(2 * (gather + scatter))
    assert cut.backward == pytest.approx(2 * (2 * gather + scatter))


def test_gradients_by_sharding_level(a100: DevicePhysics) -> None:
    wires = fabric(a100, 8)
    params = 20e6  # one bucket
    plain = step_traffic(configuration(), params, 24, wires)
    whole = float(collective_seconds("all_reduce", 4 * params, 8, 1, wires))
    assert plain.gradients == pytest.approx(whole)
    assert plain.parameters == 0.0
    cut = step_traffic(configuration(shard="zero1", shard_group=8), params, 24, wires)
    scatter = float(collective_seconds("reduce_scatter", 4 * params, 8, 1, wires))
    gather = float(collective_seconds("all_gather", 2 * params, 8, 1, wires))
    assert (cut.gradients, cut.parameters) == (pytest.approx(scatter), pytest.approx(gather))
    full = step_traffic(configuration(shard="zero3", shard_group=8), params, 1, wires)
    assert full.gather_forward == full.gather_backward == pytest.approx(gather)
    assert full.reduce_backward == pytest.approx(scatter)


def test_one_replica_has_no_traffic(a100: DevicePhysics) -> None:
    c = configuration(devices=1, dp=1)
    assert sum(step_traffic(c, 1e9, 24, fabric(a100, 8))) == 0.0


def test_sharding_divides_the_update(a100: DevicePhysics) -> None:
    one = optimizer_seconds(configuration(), 8e9, a100)
    cut = optimizer_seconds(configuration(shard="zero1", shard_group=8), 8e9, a100)
    assert cut < 0.3 * one


# ---- recompute and overlap -----------------------------------------------------------------


def test_full_recompute_repeats_the_forward(a100: DevicePhysics) -> None:
    wires = fabric(a100, 8)
    bare = layer_step(configuration(), a100, wires)
    full = layer_step(configuration(recompute="full"), a100, wires)
    half = layer_step(configuration(recompute="full", recompute_every=2), a100, wires)
    forward = dense_layer(configuration(), a100).forward
    assert full.backward - bare.backward == pytest.approx(forward)
    assert half.backward - bare.backward == pytest.approx(forward / 2)


def test_selective_recompute_repeats_the_core(a100: DevicePhysics) -> None:
    c = configuration(precision="fp16", attention="unfused")
    wires = fabric(a100, 8)
    bare = layer_step(c, a100, wires)
    chosen = layer_step(replace(c, recompute="selective"), a100, wires)
    assert chosen.backward - bare.backward == pytest.approx(dense_layer(c, a100).core)


def test_hidden_communication_costs_its_slow_down(a100: DevicePhysics) -> None:
    slow = a100.number("overlap_slowdown")
    assert exposed_seconds(1.0, 4.0, a100) == pytest.approx(slow)
    assert exposed_seconds(5.0, 4.0, a100) == pytest.approx(1.0 + 4.0 * slow)


def test_stated_recompute_is_taken_as_it_is(a100: DevicePhysics) -> None:
    c = configuration(recompute="full")
    assert settled_step(c, a100) == predict_step(c, a100)


def test_unstated_recompute_that_does_not_fit_is_in_between(a100: DevicePhysics) -> None:
    deep = replace(GPT, layers=48)
    c = configuration(architecture=deep, micro_batch=8, global_batch=64, recompute_known=False)
    bare, full = (predict_step(replace(c, recompute=r), a100) for r in ("none", "full"))
    settled = settled_step(c, a100)
    assert bare.total < settled.total <= full.total
    share = (settled.total - bare.total) / (full.total - bare.total)
    blended = mixed(bare, full, share)
    assert settled.recompute == pytest.approx(blended.recompute)
    assert settled.compute == pytest.approx(blended.compute)


def test_terms_add_up_without_a_pipeline(a100: DevicePhysics) -> None:
    step = predict_step(configuration(overlap_gradients=False, overlap_gathers=False), a100)
    parts = step.compute + step.recompute + step.host + step.gradients + step.optimizer
    head = step.total - parts
    assert 0.0 < head < 0.2 * step.total
    assert step.tensor == step.context == step.transfers == step.bubble == step.gathers == 0.0


def test_more_devices_never_slow_a_step() -> None:
    device = device_physics("h100_sxm")
    times = []
    for nodes in (1, 2, 4, 8):
        c = configuration(
            device="h100_sxm", devices=8 * nodes, dp=8 * nodes, shard="zero1", shard_group=8 * nodes
        )
        times.append(predict_step(replace(c, micro_batch=1), device).total)
    assert times == sorted(times, reverse=True)


# ---- utilisation ---------------------------------------------------------------------------


def test_model_flop_of_gpt_175b() -> None:
    """Narayanan et al., SC21, eq. 3 without recompute: 72 B s l h^2 (1 + s / 6h + V / 12lh), of
    which s / 6h counts the whole square of scores and causal attention half."""
    layers, hidden, seq, vocab = 96, 12288, 2048, 51200
    big = replace(
        GPT, layers=layers, hidden=hidden, ffn=4 * hidden, heads=96, kv_heads=96, vocab=vocab
    )
    c = configuration(architecture=big, global_batch=1536)
    formula = 72 * 1536 * seq * layers * hidden**2
    expected = formula * (1 + seq / (12 * hidden) + vocab / (12 * layers * hidden))
    assert model_flop(c) == pytest.approx(expected, rel=2e-4)  # norms and biases


def test_utilisation_of_a_step(a100: DevicePhysics) -> None:
    c = configuration()
    ideal = model_flop(c) / (8 * 312e12)
    assert utilisation(c, 2 * ideal, a100) == pytest.approx(0.5)
