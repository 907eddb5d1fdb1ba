"""Parameter totals are the published ones, to the last one."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
from published import rows

from dsl.spec import Spec

Planned = Callable[..., Spec]

# model -> (module, row of tests/data/model_defs.csv)
LANGUAGE_MODELS = {
    "gpt3_175b": ("gpt", "gpt3-175b"),
    "gpt_22b": ("gpt", "megatron-22b"),
    "gpt_530b": ("gpt", "megatron-530b"),
    "gpt_1t": ("gpt", "megatron-1t"),
    "llama2_7b": ("llama", "llama2-7b"),
    "llama2_13b": ("llama", "llama2-13b"),
    "llama2_70b": ("llama", "llama2-70b"),
    "llama3_8b": ("llama", "llama3-8b"),
    "llama3_70b": ("llama", "llama3-70b"),
    "llama3_405b": ("llama", "llama3.1-405b"),
    "llama3_1b": ("llama", "llama3.2-1b"),
    "llama3_3b": ("llama", "llama3.2-3b"),
    "qwen2_5_7b": ("qwen", "qwen2.5-7b"),
    "qwen2_5_14b": ("qwen", "qwen2.5-14b"),
    "qwen2_5_32b": ("qwen", "qwen2.5-32b"),
    "qwen2_5_72b": ("qwen", "qwen2.5-72b"),
    "mixtral_8x7b": ("mixtral", "mixtral-8x7b"),
    "mixtral_8x22b": ("mixtral", "mixtral-8x22b"),
    "deepseek_v2_lite": ("deepseek", "deepseek-v2-lite"),
    "deepseek_v2": ("deepseek", "deepseek-v2"),
    "deepseek_v3": ("deepseek", "deepseek-v3"),
    "kimi_k2": ("deepseek", "kimi-k2"),
    "moonlight_16b_a3b": ("deepseek", "moonlight-16b-a3b"),
    "mistral_7b": ("llama_like", "mistral-7b"),
    "mistral_nemo_12b": ("llama_like", "mistral-nemo-12b"),
    "yi_34b": ("llama_like", "yi-34b"),
    "deepseek_67b": ("llama_like", "deepseek-67b"),
    "gemma_2b": ("llama_like", "gemma-2b"),
    "gemma_7b": ("llama_like", "gemma-7b"),
    "qwen3_8b": ("qwen", "qwen3-8b"),
    "qwen3_14b": ("qwen", "qwen3-14b"),
    "qwen3_32b": ("qwen", "qwen3-32b"),
    "qwen3_30b_a3b": ("mixtral_like", "qwen3-30b-a3b"),
    "qwen3_235b_a22b": ("mixtral_like", "qwen3-235b-a22b"),
    "qwen2_57b_a14b": ("mixtral_like", "qwen2-57b-a14b"),
    "bloom_176b": ("gpt_like", "bloom-176b"),
    "mpt_30b": ("gpt_like", "mpt-30b"),
    "nemotron4_15b": ("gpt_like", "nemotron4-15b"),
    "nemotron4_340b": ("gpt_like", "nemotron4-340b"),
    "gemma2_9b": ("four_norms", "gemma2-9b"),
    "gemma2_27b": ("four_norms", "gemma2-27b"),
    "grok_1": ("four_norms", "grok-1"),
    "gpt_oss_20b": ("gpt_oss", "gpt-oss-20b"),
    "gpt_oss_120b": ("gpt_oss", "gpt-oss-120b"),
}
# The published "active" figures are rounded; the computed column is exact: all but the experts
# that a token does not use.
MIXTURES = (
    "mixtral_8x7b",
    "mixtral_8x22b",
    "deepseek_v2_lite",
    "deepseek_v2",
    "deepseek_v3",
    "kimi_k2",
    "moonlight_16b_a3b",
    "qwen3_30b_a3b",
    "qwen3_235b_a22b",
    "qwen2_57b_a14b",
    "grok_1",
    "gpt_oss_20b",
    "gpt_oss_120b",
)


def sizes(spec: Spec) -> dict[str, int]:
    """Elements of every parameter."""
    tensors = spec.graph.tensors.values()
    return {t.name: math.prod(i.size for i in t.dims) for t in tensors if t.role == "parameter"}


@pytest.mark.parametrize("model", LANGUAGE_MODELS)
def test_total_is_the_published_one(model: str, planned: Planned) -> None:
    module, row_name = LANGUAGE_MODELS[model]
    row = rows("model_defs.csv", "model")[row_name]
    published = int(row["official_params"] or row["computed_params"])
    assert sum(sizes(planned(f"models.{module}", model)).values()) == published


@pytest.mark.parametrize("model", MIXTURES)
def test_active_parameters_of_a_token(model: str, planned: Planned) -> None:
    module, row_name = LANGUAGE_MODELS[model]
    row = rows("model_defs.csv", "model")[row_name]
    experts, chosen = int(row["experts"]), int(row["topk"])
    active = 0
    for name, size in sizes(planned(f"models.{module}", model)).items():
        active += size * chosen // experts if ".moe.experts." in name else size
    assert active == int(row["computed_active"])


@pytest.mark.parametrize(
    ("model", "published"),
    [
        ("gpt_neox_20b", 20_554_567_680),  # Black et al. 2022, section 2
        ("pythia_6_9b", 6_857_302_016),  # Biderman et al. 2023, table of models on its cards
        ("pythia_12b", 11_846_072_320),
    ],
)
def test_parallel_decoders_have_the_published_totals(
    model: str, published: int, planned: Planned
) -> None:
    assert sum(sizes(planned("models.gpt_neox", model)).values()) == published


@pytest.mark.parametrize("parallel", [True, False])
def test_blocks_of_gpt_neox_are_side_by_side_unless_told(parallel: bool, planned: Planned) -> None:
    arguments = (
        "layers: 2, d_model: 512, heads: 8, head_dim: 64, ffn: 2048, vocab: 50304, batch: 8, "
        f"seq: 64, parallel: {str(parallel).lower()}"
    )
    operators = planned("models.gpt_neox", "gpt_neox", arguments).graph.operators
    reads = {op.name: op.inputs[0].tensor for op in operators}
    before = "net.layers[0].mlp.out" if parallel else "net.layers[1].attn.out"
    assert reads["net.layers[1].mlp.norm"] == before
    assert reads["net.layers[1].mlp.out"] == "net.layers[1].attn.out"


def vision_row(model: str, component: str) -> int:
    """Published parameters of one part of a vision+language model."""
    table = rows("model_defs_vlm.csv", "row_id").values()
    matches = [r for r in table if r["model"] == model and r["component"].startswith(component)]
    assert len(matches) == 1
    return int(matches[0]["params"])


def test_llava_and_its_parts(planned: Planned) -> None:
    parts = sizes(planned("models.vision_language", "llava_7b"))
    tower = sum(n for name, n in parts.items() if name.startswith("net.vision."))
    projector = sum(n for name, n in parts.items() if name.startswith("net.projector."))
    assert tower == vision_row("llava-1.5-7b", "CLIP ViT-L/14-336")
    assert projector == vision_row("llava-1.5-7b", "projector")
    assert sum(parts.values()) - tower - projector == vision_row("llava-1.5-7b", "llama2-7b")
    assert sum(parts.values()) == vision_row("llava-1.5-7b", "TOTAL")


def test_tower_on_llama3_is_the_sum_of_its_parts(planned: Planned) -> None:
    tower_and_projector = vision_row("llava-1.5-7b", "CLIP ViT-L/14-336") + vision_row(
        "llava-1.5-7b", "projector"
    )
    decoder = int(rows("model_defs.csv", "model")["llama3-8b"]["official_params"])
    total = sum(sizes(planned("models.vision_language", "llava_llama3_8b")).values())
    assert total == tower_and_projector + decoder


def test_vision_tower_alone(planned: Planned) -> None:
    total = sum(sizes(planned("models.vision_language", "clip_vit_l14_336")).values())
    assert total == vision_row("llava-1.5-7b", "CLIP ViT-L/14-336")


def test_vision_language_models_have_two_inputs(planned: Planned) -> None:
    tensors = planned("models.vision_language", "llava_7b").graph.tensors.values()
    assert [t.name for t in tensors if t.role == "input"] == ["net.pixels", "net.tokens"]
