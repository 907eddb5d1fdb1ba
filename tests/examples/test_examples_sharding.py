"""What each sharding example is about can be read off its plan."""

from __future__ import annotations

import math

import pytest

from dsl.load import load
from tests.examples.planning import EXAMPLES, Planned

GPU = ["gpu.0", "gpu.1", "gpu.2"]


def test_llama_8b_leaves_no_device_idle(planned: Planned) -> None:
    """All 32 devices share the work: pipeline stages times the cuts of every matrix product."""
    solved = planned("llama3_8b")
    stages = len(solved.document["pipeline"]["stages"])
    for name in [*solved.named(".attn.q"), *solved.named(".mlp.down")]:
        cutting = [part for parts in solved.cuts(name).values() for part in parts]
        assert stages * 2 ** len(cutting) == 32  # every sub-axis of this mesh has size 2


def test_llama_70b_is_cut_as_megatron_cuts_it(planned: Planned) -> None:
    """Heads, hidden units and vocabulary over the 8 devices of a node, norms by tokens; what
    tensor parallelism sums is scattered over the tokens, by the same 8 devices."""
    solved = planned("llama3_70b_megatron")
    megatron = [row for row in solved.document["pins"] if "strategies/megatron.mmp" in row["file"]]
    assert len(megatron) == 7
    assert all(row["satisfied"] and row["kind"] == "hard" for row in megatron)
    cut_by = {".attn.q": "g", ".attn.y": "g", ".mlp.up": "f", ".mlp.down": "f"}
    cut_by |= {".norm": "s", ".out": "s", "net.embed": "v", "net.head": "v", "net.loss": "v"}
    for end, index in cut_by.items():
        names = [name for name in solved.named(end) if name != "net.norm"]  # outside the layers
        assert all(solved.cuts(name)[index] == GPU for name in names)
    scattered = [c for c in solved.communication if c["collective"] == "reduce_scatter"]
    assert any(c["axes"] == GPU and c["phase"] == "F" for c in scattered)


def test_mixtral_sends_tokens_to_experts(planned: Planned) -> None:
    solved = planned("mixtral_8x7b")
    experts = [n for n in solved.document["operators"] if ".moe.experts." in n]
    assert len(experts) == 32 * 4
    assert all(solved.cuts(name)["e"] == GPU for name in experts)
    travelling = [
        c
        for c in solved.communication
        if c["collective"] == "all_to_all" and ".moe." in c["operator"]
    ]
    assert {c["phase"] for c in travelling} >= {"F", "B"}
    assert all(set(c["axes"]) <= set(GPU) for c in travelling)


def test_qwen_runs_1f1b_with_norms_by_tokens(planned: Planned) -> None:
    solved = planned("qwen2_5_72b")
    assert solved.document["pipeline"]["family"] == "one_f_one_b"
    assert len(solved.document["pipeline"]["stages"]) == 4
    for name in [*solved.named("attn.norm"), *solved.named("mlp.norm"), *solved.named("mlp.out")]:
        assert solved.cuts(name)["s"] == GPU


def test_llama_405b_is_laid_out_as_it_was_trained(planned: Planned) -> None:
    """Four chunks on each of 16 stages; samples over 128 replicas, heads inside a node."""
    solved = planned("llama3_405b")
    assert {len(s["chunks"]) for s in solved.document["pipeline"]["stages"]} == {4}
    replicas = [f"data.{i}" for i in range(7)]
    node = [f"tensor.{i}" for i in range(3)]
    assert all(solved.cuts(n) == {"b": replicas, "g": node} for n in solved.named(".attn.q"))


def test_deepseek_sends_tokens_to_experts_on_64_devices(planned: Planned) -> None:
    solved = planned("deepseek_v3")
    homes = [f"expert.{i}" for i in range(6)]
    experts = [n for n in solved.document["operators"] if ".moe.experts." in n]
    assert len(experts) == 58 * 4
    assert all(solved.cuts(name)["e"] == homes for name in experts)
    travelling = [c for c in solved.communication if c["collective"] == "all_to_all"]
    assert {c["phase"] for c in travelling} >= {"F", "B"}
    assert all(c["axes"] == homes for c in travelling)


def test_long_context_cuts_tokens_and_brings_keys_together(planned: Planned) -> None:
    """8 samples for 16 devices: tokens are cut, and attention needs the keys of all of them."""
    solved = planned("long_context")
    for name in solved.named(".mlp.up"):
        assert len(solved.cuts(name)["s"]) >= 1
    fetched = {
        c["collective"]
        for c in solved.communication
        if c["phase"] == "F" and c["operator"].endswith((".attn.o", ".attn.key_rotated"))
    }
    assert fetched & {"all_gather", "all_to_all"}


def test_vision_language_plans_both_branches(planned: Planned) -> None:
    """Two inputs; the tower by samples as pinned, the decoder's own branch planned as well."""
    solved = planned("vision_language")
    graph = load(EXAMPLES / "vision_language.mmp").graph
    inputs = [name for name, tensor in graph.tensors.items() if tensor.role == "input"]
    assert len(inputs) == 2
    first = {use.tensor: o.name for o in reversed(graph.operators) for use in o.inputs}
    assert all(first[name] in solved.document["operators"] for name in inputs)
    tower = [n for n in solved.document["operators"] if n.startswith("net.vision.layers[")]
    decoder = [n for n in solved.document["operators"] if n.startswith("net.layers[")]
    assert len(tower) > 100
    assert len(decoder) > 100
    assert all(solved.cuts(name) == {"b": GPU} for name in tower)
    assert all(math.prod(2 for p in solved.cuts(n).values() for _ in p) == 8 for n in decoder)


def test_forbidden_cuts_are_absent(planned: Planned) -> None:
    solved = planned("forbidden")
    assert [row["kind"] for row in solved.document["pins"]] == ["forbid", "limit"]
    assert [n for n in solved.document["operators"] if solved.cuts(n).get("s")] == []


@pytest.mark.parametrize("name", ["llama3_8b", "mixtral_8x7b", "qwen2_5_72b"])
def test_devices_stay_below_the_limit(name: str, planned: Planned) -> None:
    for row in planned(name).document["memory"]:
        assert row["limit_bytes"] == 76 * 2**30
        assert row["terms"]["reserve"] == 4 * 2**30
        assert row["peak_bytes"] == pytest.approx(sum(row["terms"].values()))
        assert row["peak_bytes"] <= row["limit_bytes"]
