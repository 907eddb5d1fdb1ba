"""States and activations against the papers' formulas, to the byte."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path

import pytest

from solver.configuration.architecture import Architecture
from solver.configuration.configuration import Configuration, Recompute, Shard
from solver.configuration.known import known_architectures
from solver.configuration.memory_terms.activations import layer_bytes
from solver.configuration.memory_terms.gathered import gathered_layer_bytes
from solver.configuration.memory_terms.logits import logits_bytes
from solver.configuration.memory_terms.stage import in_flight, stage_loads
from solver.configuration.memory_terms.states import bytes_per_param, stage_params, state_bytes
from solver.configuration.stages import stage_shares

DATA = Path(__file__).parents[1] / "data" / "published"
GIB = 2.0**30

GPT = Architecture(
    layers=24,
    hidden=2048,
    ffn=8192,
    heads=16,
    kv_heads=16,
    head_dim=128,
    vocab=50304,
    glu=False,
    tied=True,
    norm="layer",
    positions="learned",
    linear_bias=True,
)


def gpt(layers: int, hidden: int, heads: int) -> Architecture:
    return replace(
        GPT,
        layers=layers,
        hidden=hidden,
        ffn=4 * hidden,
        heads=heads,
        kv_heads=heads,
        head_dim=hidden // heads,
    )


def configuration(architecture: Architecture, **changes: object) -> Configuration:
    plain = Configuration(
        architecture=architecture,
        device="a100_80",
        devices=1,
        devices_per_node=8,
        precision="fp16",
        seq_len=2048,
        global_batch=512,
        micro_batch=1,
        attention="unfused",
    )
    return replace(plain, **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("shard", "ranks", "gigabytes"),
    [("none", 1, 120.0), ("zero1", 64, 31.4), ("zero2", 64, 16.6), ("zero3", 64, 1.9)],
)
def test_states_are_those_of_the_zero_paper(shard: Shard, ranks: int, gigabytes: float) -> None:
    """Figure 1 of Rajbhandari et al. (2020): 7.5e9 parameters on 64 ranks."""
    c = configuration(GPT, shard=shard, main_gradient_bytes=2)
    assert round(sum(bytes_per_param(c, ranks)) * 7.5, 1) == gigabytes


@pytest.mark.parametrize(
    ("shard", "parameters", "gradients", "optimizer"),
    [
        ("none", 2, 4, 12),
        ("zero1", 2, 4, 12 / 8),
        ("zero2", 2, 4 / 8, 12 / 8),
        ("zero3", 2 / 8, 4 / 8, 12 / 8),
    ],
)
def test_states_of_every_released_model_are_exact(
    shard: Shard, parameters: float, gradients: float, optimizer: float
) -> None:
    for architecture in known_architectures().values():
        if architecture.prediction_layers:
            continue
        c = configuration(
            architecture, precision="bf16", shard=shard, shard_group=8, dp=8, devices=8
        )
        (load,) = stage_loads(c)
        expected = tuple(architecture.params * each for each in (parameters, gradients, optimizer))
        assert state_bytes(c, load) == pytest.approx(expected, rel=1e-12)


def test_single_precision_has_no_master_copy() -> None:
    assert bytes_per_param(configuration(GPT, precision="fp32"), 1) == (4, 4, 8)


def test_fully_sharded_weights_are_the_master_copy() -> None:
    c = configuration(GPT, precision="bf16", shard="zero3", runtime="fsdp")
    assert bytes_per_param(c, 4) == (1, 1, 2)


def test_stages_hold_all_parameters_once() -> None:
    untied = replace(GPT, tied=False)
    c = configuration(untied, pp=4, devices=4)
    held = sum(stage_params(c, load).common for load in stage_loads(c))
    assert held == untied.params


def test_the_last_stage_holds_a_copy_of_a_tied_table() -> None:
    c = configuration(GPT, pp=4, devices=4)
    held = sum(stage_params(c, load).common for load in stage_loads(c))
    assert held == GPT.params + GPT.vocab * GPT.hidden


def test_experts_are_divided_by_their_own_degrees() -> None:
    architecture = known_architectures()["mixtral_8x7b"]
    c = configuration(architecture, precision="bf16", dp=8, ep=4, devices=8)
    (load,) = stage_loads(c)
    experts = architecture.layers * architecture.experts * architecture.expert_params
    assert stage_params(c, load).experts == experts / 4
    assert stage_params(c, load).common == architecture.params - experts


@pytest.mark.parametrize(
    ("tp", "sequence_parallel", "recompute", "per_value"),
    [
        (1, False, "none", 34 + 5 * 32 * 2048 / 4096),
        (8, False, "none", 10 + 24 / 8 + 5 * 32 * 2048 / (4096 * 8)),
        (8, True, "none", (34 + 5 * 32 * 2048 / 4096) / 8),
        (8, False, "selective", 10 + 24 / 8),
        (8, True, "selective", 34 / 8),
        (8, False, "full", 2.0),
        (1, False, "full", 2.0),
    ],
)
def test_a_layer_keeps_what_korthikanti_counts(
    tp: int, sequence_parallel: bool, recompute: Recompute, per_value: float
) -> None:
    """Equations 1 to 6 of Korthikanti et al. (2022), per value of s b h."""
    c = configuration(
        gpt(24, 4096, 32),
        tp=tp,
        sequence_parallel=sequence_parallel,
        recompute=recompute,
        micro_batch=3,
    )
    assert layer_bytes(c) == pytest.approx(3 * 2048 * 4096 * per_value, rel=1e-12)


def _korthikanti_rows() -> list[dict[str, str]]:
    lines = (DATA / "mem_korthikanti.csv").read_text().splitlines()
    return list(csv.DictReader(line for line in lines if not line.startswith("#")))


def _of_row(row: dict[str, str]) -> Configuration:
    number = {key: int(row[key]) for key in ("tp", "pp", "vp", "mbs", "layers", "hidden", "heads")}
    return configuration(
        gpt(number["layers"], number["hidden"], number["heads"]),
        tp=number["tp"],
        pp=number["pp"],
        vp=number["vp"],
        devices=number["tp"] * number["pp"],
        micro_batch=number["mbs"],
        global_batch=512 * number["mbs"],
        sequence_parallel=row["seq_par"] == "1",
        recompute=row["recompute"],
        schedule="none" if row["pp"] == "1" else "interleaved" if row["vp"] != "1" else "1f1b",
    )


def _activations(c: Configuration) -> float:
    """Of the first stage, layers alone, as the paper's figures count."""
    return c.architecture.layers / c.pp * in_flight(c, 0) * layer_bytes(c)


def test_activations_of_the_published_models_are_exact() -> None:
    baseline: dict[str, float] = {}
    exact = 0
    for row in _korthikanti_rows():
        c = _of_row(row)
        found = _activations(c)
        whole = baseline.setdefault(row["model"], found)
        if row["activations_gib"]:
            assert found / GIB == pytest.approx(float(row["activations_gib"]), rel=1e-9)
            exact += 1
        shown = float(row["activations_pct_of_tp_baseline"])
        # percentages were read off a figure
        assert 100 * found / whole == pytest.approx(shown, abs=0.15)
    assert exact == 8


def test_states_of_the_published_models_are_exact() -> None:
    """Weights of the layers, 2 + 4 + 12 bytes each."""
    for row in _korthikanti_rows():
        if not row["par_opt_gib"]:
            continue
        c = _of_row(row)
        a = c.architecture
        weights = 12 * a.hidden**2 * a.layers / (c.tp * c.pp)
        found = weights * sum(bytes_per_param(c, 1)) / GIB
        assert found == pytest.approx(float(row["par_opt_gib"]), rel=1e-9)


def test_micro_batches_in_flight() -> None:
    c = configuration(GPT, pp=8, devices=8, global_batch=64)
    assert [in_flight(c, stage) for stage in range(8)] == [8, 7, 6, 5, 4, 3, 2, 1]
    assert in_flight(replace(c, schedule="gpipe"), 3) == 64
    assert in_flight(replace(c, schedule="zb-1p"), 7) == 8
    assert in_flight(replace(c, schedule="zb-2p"), 7) == 15
    assert in_flight(replace(c, global_batch=2), 0) == 2
    interleaved = replace(c, schedule="interleaved", vp=3)
    assert in_flight(interleaved, 0) == pytest.approx(8 * (1 + 7 / 24))


def test_logits_are_divided_by_tensor_parallelism() -> None:
    one = configuration(replace(GPT, vocab=50257), precision="bf16", tp=1)
    assert logits_bytes(one) == 8 * 2048 * 50304
    assert logits_bytes(replace(one, tp=4)) == 8 * 2048 * 50688 / 4


def test_a_sharded_stage_of_a_pipeline_stays_whole() -> None:
    """Two bytes of weight and two of gradient for every parameter; else two layers at a time."""
    c = configuration(GPT, precision="bf16", shard="zero3", runtime="fsdp", shard_group=8, dp=8)
    piped = replace(c, pp=2, devices=16)
    first = stage_loads(piped)[0]
    params = stage_params(piped, first)
    assert gathered_layer_bytes(piped, first, params) == 4 * params.common
    (load,) = stage_loads(c)
    layer, table = GPT.dense_layer_params, GPT.vocab * GPT.hidden
    found = gathered_layer_bytes(c, load, stage_params(c, load))
    assert found == pytest.approx(2 * (2 * layer + table) + 2 * table, rel=0.01)


@pytest.mark.parametrize(
    ("layers", "hidden", "pp", "counts"),
    [
        (28, 3072, 4, (8, 8, 8, 4)),
        (28, 3072, 8, (4, 4, 4, 4, 4, 4, 4, 0)),
        # a share of exactly ten layers is not exceeded by ten
        (16, 2048, 2, (11, 5)),
    ],
)
def test_stages_dealt_by_parameters(
    layers: int, hidden: int, pp: int, counts: tuple[int, ...]
) -> None:
    """The head counts as the layers whose parameters it equals (four of the smaller model)."""
    llama = replace(
        gpt(layers, hidden, 32), ffn=8192, vocab=131072, glu=True, norm="rms", positions="rope"
    )
    c = configuration(llama, precision="bf16", runtime="nanotron", pp=pp, devices=pp)
    assert tuple(share.layers for share in stage_shares(c)) == counts
