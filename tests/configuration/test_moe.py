"""A mixture layer's time: what must hold of its parts, and published steps."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path
from statistics import mean

import pytest

from solver.configuration.configuration import Configuration
from solver.configuration.expert_parallel import (
    expert_params_per_layer,
    expert_replicas,
    expert_traffic,
)
from solver.configuration.known import known_architectures
from solver.configuration.moe import expert_rows, experts, mixed_layer, moe_layer
from solver.configuration.moe_exchange import (
    exchange_overlaps,
    exchange_seconds,
    host_wait_seconds,
)
from solver.configuration.read import read_configuration
from solver.configuration.time import predict_step
from solver.cost.physics.links import fabric
from solver.cost.physics.parameters import device_physics

PUBLISHED = Path(__file__).parents[1] / "data" / "published"
H100 = device_physics("h100_sxm")
MIXTRAL = Configuration(
    architecture=known_architectures()["mixtral_8x7b"],
    device="h100_sxm",
    devices=64,
    devices_per_node=8,
    precision="bf16",
    seq_len=4096,
    global_batch=256,
    micro_batch=1,
    ep=8,
    dp=64,
    shard="zero1",
    shard_group=64,
    forced_balance=True,
)


def test_rows_of_experts_are_the_picks_of_the_tokens() -> None:
    assert expert_rows(MIXTRAL) == 4096 * 2
    assert expert_rows(replace(MIXTRAL, tp=4, dp=16)) == 1024 * 2
    assert expert_rows(replace(MIXTRAL, tp=4, dp=16, ep=2, etp=4)) == 1024 * 2 * 4


def test_experts_on_a_device() -> None:
    a = MIXTRAL.architecture
    assert expert_params_per_layer(MIXTRAL) == a.expert_params
    assert expert_params_per_layer(replace(MIXTRAL, ep=2, etp=2)) == 2 * a.expert_params
    deepseek = replace(MIXTRAL, architecture=known_architectures()["deepseek_v3"], ep=64)
    b = deepseek.architecture
    of_all = expert_params_per_layer(deepseek) * b.layers * deepseek.ep
    assert of_all == pytest.approx((b.layers - b.dense_layers) * b.experts * b.expert_params)


def test_replicas_of_experts_stand_a_group_apart() -> None:
    assert expert_replicas(MIXTRAL) == (1, 8)
    assert expert_replicas(replace(MIXTRAL, ep=2)) == (4, 8)
    assert expert_replicas(replace(MIXTRAL, ep=64)).size == 1
    assert expert_replicas(replace(MIXTRAL, tp=8, dp=8, ep=8)) == (1, 8)


def test_experts_without_replicas_need_no_reduction() -> None:
    wires = fabric(H100)
    assert sum(expert_traffic(replace(MIXTRAL, ep=64), 1e9, wires)) == 0
    assert sum(expert_traffic(MIXTRAL, 1e9, wires)) > 0


def test_uneven_routing_takes_longer() -> None:
    even, uneven = experts(MIXTRAL, H100), experts(replace(MIXTRAL, forced_balance=False), H100)
    assert all(a > b for a, b in zip(uneven, even, strict=True))


def test_a_mean_layer_lies_between() -> None:
    c = replace(MIXTRAL, architecture=known_architectures()["deepseek_v3"], ep=64)
    plain = replace(c, architecture=replace(c.architecture, experts=0))
    mean_layer, mixture = mixed_layer(c, H100), moe_layer(c, H100)
    dense = mixed_layer(plain, H100)
    low, high = sorted((dense.compute.forward, mixture.compute.forward))
    assert low < mean_layer.compute.forward < high
    assert dense.exchange == 0
    assert mean_layer.exchange == pytest.approx(mixture.exchange * 58 / 61)


def test_dropping_sends_every_copy() -> None:
    across = replace(MIXTRAL, architecture=known_architectures()["qwen3_30b_a3b"], ep=32)
    dropped = replace(across, token_drop=True)
    assert exchange_seconds(dropped, H100) > 1.5 * exchange_seconds(across, H100)
    assert exchange_seconds(replace(across, ep=1), H100) == 0


@pytest.mark.parametrize(
    ("change", "waits"),
    [
        ({"release": "25.11"}, True),
        ({"release": "25.11", "token_drop": True}, False),
        ({"release": "25.11", "devices_per_node": 72}, False),
        ({"release": "25.11", "runtime": "fsdp"}, False),
        ({"release": ""}, False),
    ],
)
def test_who_waits_for_counts_on_the_host(change: dict[str, object], waits: bool) -> None:
    assert (host_wait_seconds(replace(MIXTRAL, **change), H100) > 0) == waits  # type: ignore[arg-type]


def test_waits_shrink_in_later_releases() -> None:
    now, later = replace(MIXTRAL, release="25.11"), replace(MIXTRAL, release="26.02")
    assert host_wait_seconds(later, H100) < host_wait_seconds(now, H100)


def test_exchanges_across_nodes_hide_behind_another_micro_batch() -> None:
    chunks = replace(MIXTRAL, ep=32, pp=2, dp=32, vp=4)
    assert exchange_overlaps(chunks)
    assert not exchange_overlaps(replace(chunks, ep=8))
    assert not exchange_overlaps(replace(chunks, vp=1))
    shown = moe_layer(chunks, H100).exchange
    assert shown < 0.5 * exchange_seconds(chunks, H100)


def steps(kind: str) -> list[float]:
    """Relative errors of published steps of mixtures (`moe`) or of FP8 dense models (`fp8`)."""
    found = []
    for path in (PUBLISHED / "e2e_megatron_bridge.csv", PUBLISHED / "e2e_automodel.csv"):
        lines = path.read_text(encoding="utf-8").splitlines()
        for row in csv.DictReader(line for line in lines if not line.startswith("#")):
            if "Nemotron" in row["model"]:
                continue
            c = read_configuration(row)
            mixture = bool(c.architecture.experts)
            fp8 = c.precision.startswith("fp8") and not mixture
            if mixture if kind == "moe" else fp8:
                took = predict_step(c, device_physics(c.device)).total
                found.append(took / float(row["step_time_s"]) - 1)
    return found


@pytest.mark.parametrize(("kind", "rows", "most"), [("moe", 37, 0.12), ("fp8", 28, 0.08)])
def test_published_steps(kind: str, rows: int, most: float) -> None:
    found = steps(kind)
    assert len(found) == rows
    assert mean(abs(error) for error in found) <= most
