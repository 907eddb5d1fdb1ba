"""Released configurations: the written file, and the parameters of what it declares.

`configs/` has the `config.json` of each model (values of the release) and the file that
`mmp import hf` writes from it.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path

import pytest

from dsl.diagnostic import Diagnostic
from dsl.format import format_text
from dsl.load import check, load
from solver.importing.hf.families import FAMILIES
from solver.importing.hf.library import library, name_of
from solver.importing.hf.read import Reading, read

CONFIGS = Path(__file__).parent / "configs"
# Totals of the released checkpoints, as in tests/data/model_defs.csv; GPT-2's as its weights have
# them, GPT-NeoX 20B: Black et al. 2022; Pythia: Biderman et al. 2023, its table of models;
# RedPajama-INCITE 3B: 2.8 billion on its card, here by hand: 2 x 50432 x 2560 of the tables, 32
# layers of 12 x 2560^2 + 13 x 2560, and 2 x 2560 of the last norm.
PUBLISHED = {
    "deepseek_67b": 67_425_001_472,
    "deepseek_v2": 235_741_434_880,
    "deepseek_v2_lite": 15_706_484_224,
    "deepseek_v3": 671_026_419_200,
    "gemma2_9b": 9_241_705_984,
    "gemma_7b": 8_537_680_896,
    "gpt2": 124_439_808,
    "gpt2_xl": 1_557_611_200,
    "gpt_neox_20b": 20_554_567_680,
    "gpt_oss_20b": 20_914_757_184,
    "kimi_k2": 1_026_408_232_448,
    "llama2_70b": 68_976_648_192,
    "llama2_7b": 6_738_415_616,
    "llama3_1_405b": 405_853_388_800,
    "llama3_2_1b": 1_235_814_400,
    "llama3_8b": 8_030_261_248,
    "mistral_7b": 7_241_732_096,
    "mistral_nemo_12b": 12_247_782_400,
    "mixtral_8x22b": 140_630_071_296,
    "mixtral_8x7b": 46_702_792_704,
    "moonlight_16b_a3b": 15_960_110_208,
    "nemotron4_340b": 341_029_195_776,
    "pythia_12b": 11_846_072_320,
    "pythia_70m": 70_426_624,
    "qwen2_57b_a14b": 57_408_658_944,
    "qwen2_5_0_5b": 494_032_768,
    "qwen2_5_72b": 72_706_203_648,
    "qwen2_5_7b": 7_615_616_512,
    "qwen3_0_6b": 596_049_920,
    "qwen3_235b_a22b": 235_093_634_560,
    "qwen3_30b_a3b": 30_532_122_624,
    "qwen3_32b": 32_762_123_264,
    "qwen3_8b": 8_190_735_360,
    "redpajama_3b": 258_211_840 + 32 * (12 * 2560**2 + 13 * 2560) + 5120,
    "yi_34b": 34_388_917_248,
}
# What the library does not model of the released ones.
WARNED = {
    "deepseek_v2": ["n_group"],
    "deepseek_v3": ["num_nextn_predict_layers", "n_group"],
    "gemma2_9b": ["sliding_window", "attn_logit_softcapping", "final_logit_softcapping"],
    "gpt_oss_20b": ["sliding_window"],
    "mistral_7b": ["sliding_window"],
}


def reading(model: str) -> Reading:
    name = f"{model}.json"
    return read((CONFIGS / name).read_bytes(), name)


def field(warning: Diagnostic) -> str:
    return warning.message.partition(":")[0]


def test_every_configuration_has_its_total() -> None:
    assert sorted(path.stem for path in CONFIGS.glob("*.json")) == sorted(PUBLISHED)


def test_every_family_has_a_configuration() -> None:
    assert {reading(model).model_type for model in PUBLISHED} == set(FAMILIES)


@pytest.mark.parametrize("model", PUBLISHED)
def test_written_file(model: str, golden: Callable[[Path, str], None]) -> None:
    name = f"{model}.json"
    found = reading(model)
    assert [field(warning) for warning in found.warnings] == WARNED.get(model, [])
    text = library(found, name, name_of(found, name))
    assert f" {PUBLISHED[model]:,} parameters" in text
    assert format_text(text, name) == text
    assert max(map(len, text.splitlines())) <= 100
    golden(CONFIGS / f"{model}.mmp", text)


@pytest.mark.parametrize("model", PUBLISHED)
def test_total_is_the_published_one(model: str, tmp_path: Path) -> None:
    file = CONFIGS / f"{model}.mmp"
    assert check(file) == ()
    found = reading(model)
    name = name_of(found, f"{model}.json")
    spec = tmp_path / "spec.mmp"
    spec.write_text(
        f'import "{file}" ({name})\nimport hardware.nvidia (h100_sxm)\n'
        f"mesh pod = h100_sxm[gpu: 8]\nmodel net = {name}(batch: 8)\n",
        encoding="utf-8",
    )
    tensors = load(spec).graph.tensors.values()
    sizes = [math.prod(i.size for i in t.dims) for t in tensors if t.role == "parameter"]
    assert sum(sizes) == PUBLISHED[model]


def test_null_is_none_of_it_and_no_group_is_no_difference() -> None:
    config = json.loads((CONFIGS / "deepseek_v3.json").read_bytes())
    del config["num_nextn_predict_layers"]
    config |= {"n_shared_experts": None, "q_lora_rank": None, "n_group": 1, "topk_group": 1}
    found = read(json.dumps(config).encode(), "config.json")
    arguments = dict(found.imported.arguments)
    assert (arguments["shared_ffn"], arguments["q_latent"]) == (0, 0)
    assert found.warnings == ()


@pytest.mark.parametrize(
    ("model", "flags"),
    [
        ("qwen2_57b_a14b", {"qkv_bias": False}),
        ("llama3_8b", {"tie_word_embeddings": True}),
        ("qwen3_8b", {}),
    ],
)
def test_switches_of_the_file_are_those_of_the_preset(model: str, flags: dict[str, bool]) -> None:
    config = json.loads((CONFIGS / f"{model}.json").read_bytes()) | flags
    found = read(json.dumps(config).encode(), "config.json").imported.arguments
    on = {name for name, value in found if value is True}
    expected = {
        "qwen2_57b_a14b": {"shared_gate"},
        "llama3_8b": {"tied"},
        "qwen3_8b": {"qk_norm"},
    }
    assert on == expected[model]


@pytest.mark.parametrize(
    ("released_as", "path", "name"),
    [
        ("meta-llama/Llama-3.1-8B", "a/config.json", "llama_3_1_8b"),
        ("/data/models/Tiny Llama/", "a/config.json", "tiny_llama"),
        ("", "Yi-34B/config.json", "yi_34b"),
        ("./", "some/7b.json", "model_7b"),
        ("", "llama/config.json", "model_llama"),
        ("", "model/config.json", "model"),
        ("\ud800\n", "é.json", "imported"),
        ("x" * 200, "a.json", "x" * 64),
    ],
)
def test_name_and_file_of_any_release(
    released_as: str, path: str, name: str, tmp_path: Path
) -> None:
    config = json.loads((CONFIGS / "llama3_8b.json").read_bytes())
    config |= {"_name_or_path": released_as, "num_hidden_layers": 2}
    found = read(json.dumps(config).encode(), path)
    assert name_of(found, path) == name
    file = tmp_path / "model.mmp"
    file.write_text(library(found, path, name), encoding="utf-8")
    assert check(file) == ()
