"""A row's words, and what is assumed where it has none."""

from __future__ import annotations

from typing import Any

import pytest

from solver.configuration.configuration import Configuration
from solver.configuration.known import known_architectures
from solver.configuration.names import preset_name
from solver.configuration.read import read_configuration
from solver.configuration.row_headers import with_common_header
from solver.configuration.row_words import (
    Sharding,
    precision_of,
    recompute_of,
    release_of,
    schedule_of,
    sharding_of,
)

BASE = {
    "model": "LLAMA3_8B",
    "gpu": "H100-SXM-80GB",
    "gpus_per_node": "8",
    "n_gpus": "32",
    "precision": "BF16",
    "seq_len": "8192",
    "gbs": "128",
    "mbs": "2",
}


def read(remarks: str = "", **cells: str) -> Configuration:
    return read_configuration({**BASE, **cells}, remarks)


def test_what_is_missing_has_defaults() -> None:
    found = read()
    assert (found.tp, found.pp, found.vp, found.cp, found.ep, found.dp) == (1, 1, 1, 1, 1, 32)
    assert (found.shard, found.shard_group, found.recompute) == ("none", 1, "none")
    assert (found.schedule, found.attention, found.sequence_parallel) == ("none", "flash", False)
    assert found.micro_batches == 2


@pytest.mark.parametrize(
    ("name", "preset"),
    [
        ("LLAMA3.1_405B-proxy", "llama3_405b"),
        ("Llama3 70B 2-node", "llama3_70b"),
        ("Qwen3_235B_a22B (tokendrop)", "qwen3_235b_a22b"),
        ("DeepSeekV3 (w/ MTP)", "deepseek_v3"),
        ("GPT OSS 120B", "gpt_oss_120b"),
        ("llama4-16e with 2 layers", "llama4_scout"),
        ("GPT-174.6B", "gpt3_175b"),
        ("nanotron-llama-3B", "nanotron_3b"),
        ("meta-llama/Llama-2-7b-hf", "llama2_7b"),
        ("LLAMA3_70B (SFT)", "llama3_70b"),
        ("GPT-18.4B", None),
    ],
)
def test_names_mean_presets(name: str, preset: str | None) -> None:
    assert preset_name(name, frozenset(known_architectures())) == preset


@pytest.mark.parametrize(
    ("cells", "sizes"),
    [
        ({"model": "GPT-l24-h1024"}, {"layers": 24, "hidden": 1024, "ffn": 4096, "heads": 8}),
        (
            {"model": "GPT-3.6B", "notes": "layers=30 hidden=3072 heads=32 vocab~50257"},
            {"layers": 30, "hidden": 3072, "heads": 32, "vocab": 50257, "glu": False},
        ),
        ({"model": "LLAMA3.1_405B-proxy", "notes": "x; layers=8"}, {"layers": 8, "hidden": 16384}),
        (
            {"model": "nanotron-llama-8B", "notes": "layers=32 hidden=4096 ffn=14336 tied=True"},
            {"tied": True, "ffn": 14336},
        ),
        (
            {"model": "x", "layers": "2", "hidden": "64", "ffn": "100", "experts": "8"},
            {"glu": True, "experts": 8, "topk": 2, "moe_ffn": 100},
        ),
        ({"model": "DeepSeekV3 (w/ MTP)"}, {"prediction_layers": 1}),
    ],
)
def test_sizes_come_from_columns_notes_and_names(
    cells: dict[str, str], sizes: dict[str, Any]
) -> None:
    found = read(**cells).architecture
    assert {name: getattr(found, name) for name in sizes} == sizes


@pytest.mark.parametrize(
    ("cell", "found"),
    [
        ("", Sharding("none")),
        ("none(ddp fp32 main grads)", Sharding("none")),
        ("zero0", Sharding("none")),
        ("zero1(group=8)", Sharding("zero1", 8)),
        ("zero1(group=all dp)", Sharding("zero1")),
        ("distributed optimizer", Sharding("zero1")),
        ("zero3(DeepSpeed)", Sharding("zero3")),
        ("fsdp2(dp_shard=128)", Sharding("zero3", 128)),
        ("fsdp2", Sharding("zero3")),
        ("fsdp64", Sharding("zero3", 64)),
        ("fsdp FULL_SHARD", Sharding("zero3")),
        ("hsdp(shard within node)", Sharding("zero3", None, within_node=True)),
    ],
)
def test_words_of_sharding(cell: str, found: Sharding) -> None:
    assert sharding_of(cell) == found


def test_groups_of_sharding_count_context_parallelism() -> None:
    assert read(shard="fsdp2(dp_shard=8)", n_gpus="32", cp="4", gbs="8", mbs="1").shard_group == 32
    assert read(shard="zero1(group=8)").shard_group == 8
    assert read(shard="hsdp(shard within node)").shard_group == 8


@pytest.mark.parametrize(
    ("cell", "device", "found"),
    [
        ("", "h100_sxm", "bf16"),
        ("", "v100", "fp16"),
        ("amp_bf16", "a100_80", "bf16"),
        ("FP8-CS(current scaling)", "gb200", "fp8"),
        ("FP8-MX", "b200", "fp8-mx"),
        ("FP8 subchannel/MX (value in parentheses)", "h100_sxm", "fp8-block"),
        ("FP8 subchannel/MX (value in parentheses)", "gb200", "fp8-mx"),
        ("mxfp8_cublas", "b200", "fp8-mx"),
        ("fp8 rowwise + bf16 all-gather", "h100_sxm", "fp8-block"),
        ("bf16 eager", "h100_sxm", "bf16"),
        ("NVFP4", "gb300", "fp4"),
    ],
)
def test_words_of_precision(cell: str, device: str, found: str) -> None:
    assert precision_of(cell, device) == found


@pytest.mark.parametrize(
    ("cell", "linears", "experts"),
    [
        ("mxfp8 both", "fp8-mx", None),
        ("mxfp8 linears", "fp8-mx", "bf16"),
        ("mxfp8 grouped gemm", "bf16", "fp8-mx"),
    ],
)
def test_precision_of_experts(cell: str, linears: str, experts: str | None) -> None:
    c = read(gpu="B200", precision=cell)
    assert (c.precision, c.expert_precision) == (linears, experts)


@pytest.mark.parametrize(
    ("cell", "found"),
    [
        ("", ("none", 1)),
        ("none(assumed)", ("none", 1)),
        ("selective(attention core)", ("selective", 1)),
        ("full", ("full", 1)),
        ("selective every 2nd layer", ("full", 2)),
    ],
)
def test_words_of_recompute(cell: str, found: tuple[str, int]) -> None:
    assert recompute_of(cell) == found


@pytest.mark.parametrize(
    ("cell", "pp", "vp", "found"),
    [
        ("", 1, 1, "none"),
        ("", 4, 1, "1f1b"),
        ("", 4, 5, "interleaved"),
        ("interleaved-1f1b", 4, 5, "interleaved"),
        ("1F1B-I", 8, 1, "interleaved"),
        ("1F1B", 8, 1, "1f1b"),
        ("ZB-1p", 8, 1, "zb-1p"),
        ("ZB-2p with synchronous optimizer", 8, 1, "zb-2p"),
        ("ZB-V", 8, 1, "zb-v"),
    ],
)
def test_words_of_schedules(cell: str, pp: int, vp: int, found: str) -> None:
    assert schedule_of(cell, pp, vp) == found


@pytest.mark.parametrize(
    ("notes", "found"),
    [
        ("release 25.11; pretrain", "25.11"),
        ("v25.04.02 llama3.1/README.md", "25.04.02"),
        ("x (26.02)", "26.02"),
        ("SRC: y. torch 2.9 rocm6.4", "2.9"),
        ("layers=8", ""),
    ],
)
def test_releases(notes: str, found: str) -> None:
    assert release_of(notes) == found


@pytest.mark.parametrize(
    ("cells", "device", "per_node"),
    [
        ({"gpu": "A100-SXM-40GB"}, "a100_40", 8),
        ({"gpu": "A100-SXM-80GB", "gpus_per_node": ""}, "a100_80", 8),
        ({"gpu": "GB200", "gpus_per_node": "4"}, "gb200", 72),
        ({"gpu": "GB200", "gpus_per_node": "72"}, "gb200", 72),
        ({"gpu": "H100-96GB-HBM2e-500W(Meta Grand Teton)"}, "h100_96_500w", 8),
        ({"gpu": "H100 PCIe"}, "h100_pcie", 8),
        ({"gpu": "MI300X"}, "mi300x", 8),
    ],
)
def test_devices_and_their_nodes(cells: dict[str, str], device: str, per_node: int) -> None:
    found = read(**cells)
    assert (found.device, found.devices_per_node) == (device, per_node)


@pytest.mark.parametrize(
    ("remarks", "notes", "per_device_gb"),
    [
        ("", "", None),
        ("", "section with 1600 Gbps node-node interconnect", 25.0),
        ("", "96 H100, 800 Gbps per node", 12.5),
        ("A100, 4x100Gb RoCE per node", "", 6.25),
        ("CX7 400Gb/s per GPU", "", 50.0),
    ],
)
def test_networks(remarks: str, notes: str, per_device_gb: float | None) -> None:
    found = read(remarks, notes=notes).inter_node_bytes_per_s
    assert found == (None if per_device_gb is None else per_device_gb * 1e9)


def test_the_batch_follows_from_accumulation() -> None:
    found = read(gbs="", mbs="1", notes="micro_num=4", n_gpus="16")
    assert (found.global_batch, found.micro_batches) == (64, 4)


def test_overlap_is_what_the_row_says() -> None:
    assert not read(overlap="no gradient bucketing overlap", shard="zero1").overlap_gradients
    assert not read(overlap="none(ar after backward)").overlap_gradients
    assert read(overlap="dp,tp,pp", pp="4", vp="2").overlap_pipeline
    assert not read(overlap="dp,tp,pp", pp="4").overlap_pipeline
    assert read(shard="zero1", overlap="dp").overlap_gradients
    assert read(shard="fsdp").overlap_gradients
    assert not read(shard="zero1").overlap_gradients
    assert not read(notes="2025-06 asyncTP table; vanilla TP", tp="8").overlap_tensor
    assert read(notes="2025-06 asyncTP table; async TP", tp="8").overlap_tensor


def test_adapters_freeze_the_rest() -> None:
    assert read(notes="LoRA; GA=4").frozen_base
    assert not read(notes="pretrain").frozen_base


def test_experts_are_no_further_apart_than_there_are_ranks() -> None:
    assert read(model="DeepSeekV3", pp="4", n_gpus="32", ep="64").ep == 8


def test_ends_of_a_pipeline_have_a_layer_less_where_that_fills_it() -> None:
    cells = {"model": "LLAMA3.1_405B", "n_gpus": "128", "tp": "8", "pp": "8", "vp": "8"}
    assert read(**cells).end_stage_layers_fewer == 1
    assert read(pp="4").end_stage_layers_fewer == 0


def test_rows_of_schedule_tables() -> None:
    row = {
        "stages_p": "8",
        "microbatches_m": "24",
        "microbatch_b": "6",
        "n_gpus": "8",
        "samples_per_gpu_per_s": "14.5",
        "memory_gb": "59",
    }
    found = with_common_header(row)
    assert (found["pp"], found["mbs"], found["gbs"]) == ("8", "6", "144")
    assert float(found["step_time_s"]) == pytest.approx(144 / (14.5 * 8))
    assert float(found["peak_mem_gib"]) == 59
