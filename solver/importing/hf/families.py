"""Which file reads which `model_type`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from dsl.suggest import did_you_mean
from solver.importing.hf import deepseek, gemma2, gpt2, gpt_neox, gpt_oss, llama, mixtral, nemotron
from solver.importing.hf.config import Config, shown
from solver.importing.hf.imported import Imported


@dataclass(frozen=True, slots=True)
class Family:
    """`architecture` is the class with a language model's head, as `architectures` names it."""

    architecture: str
    read: Callable[[Config], Imported]


FAMILIES = {
    "deepseek_v2": Family("DeepseekV2ForCausalLM", deepseek.deepseek_v2),
    "deepseek_v3": Family("DeepseekV3ForCausalLM", deepseek.deepseek_v3),
    "gemma": Family("GemmaForCausalLM", llama.gemma),
    "gemma2": Family("Gemma2ForCausalLM", gemma2.gemma2),
    "gpt2": Family("GPT2LMHeadModel", gpt2.gpt2),
    "gpt_neox": Family("GPTNeoXForCausalLM", gpt_neox.gpt_neox),
    "gpt_oss": Family("GptOssForCausalLM", gpt_oss.gpt_oss),
    "kimi_k2": Family("DeepseekV3ForCausalLM", deepseek.deepseek_v3),
    "llama": Family("LlamaForCausalLM", llama.llama),
    "mistral": Family("MistralForCausalLM", llama.mistral),
    "mixtral": Family("MixtralForCausalLM", mixtral.mixtral),
    "nemotron": Family("NemotronForCausalLM", nemotron.nemotron),
    "qwen2": Family("Qwen2ForCausalLM", llama.qwen2),
    "qwen2_moe": Family("Qwen2MoeForCausalLM", mixtral.qwen2_moe),
    "qwen3": Family("Qwen3ForCausalLM", llama.qwen3),
    "qwen3_moe": Family("Qwen3MoeForCausalLM", mixtral.qwen3_moe),
}


def family(config: Config) -> Family | None:
    """The family of a configuration; None, and an error noted, where there is none.

    A file without `model_type` is known by its `architectures`.
    """
    architectures = _architectures(config)
    if architectures is None:
        return None
    name = config.value("model_type")
    if name is None:
        return _of_architecture(config, architectures)
    if not isinstance(name, str):
        config.wrong("model_type", "a text")
        return None
    if name not in FAMILIES:
        help_ = _known(FAMILIES, name)
        config.errors.add("MMP705", ("model_type",), f"{shown(name)} is not known", help_)
        return None
    found = FAMILIES[name]
    if architectures and found.architecture not in architectures:
        message = f"not {found.architecture}, the decoder with a language model's head"
        config.errors.add("MMP705", ("architectures",), message)
        return None
    return found


def _architectures(config: Config) -> list[str] | None:
    found = config.value("architectures") or []
    if isinstance(found, list) and all(isinstance(one, str) for one in found):
        return found
    config.wrong("architectures", "a list of texts")
    return None


def _of_architecture(config: Config, architectures: list[str]) -> Family | None:
    known = {family.architecture: family for family in FAMILIES.values()}
    for name in architectures:
        if name in known:
            return known[name]
    if not architectures:
        config.errors.add(
            "MMP702", (), "`model_type` is missing, which gives the family", _known(FAMILIES)
        )
        return None
    help_ = _known(known, architectures[0])
    message = f"{shown(architectures[0])} is not known, and there is no `model_type`"
    config.errors.add("MMP705", ("architectures",), message, help_)
    return None


def _known(names: dict[str, Family], wrong: str = "") -> str:
    return f"{did_you_mean(wrong, names)} known are {', '.join(names)}".lstrip()
