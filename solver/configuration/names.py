"""The names that people give a model, to the preset of the standard library that it means.

A name is compared by its letters and digits alone, so `LLAMA3_8B`, `Llama3 8B` and `llama3-8b`
are one. Remarks in brackets (`(tokendrop)`) and words that say how it is run, not what it is
(`proxy`, `2-node`, `with 2 layers`), are taken off first.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache

# Preset -> other spellings, letters and digits only. A preset's own name needs no entry.
SPELLINGS: Mapping[str, tuple[str, ...]] = {
    "bloom_176b": ("bloom",),
    "deepseek_v2": ("deepseekv2236b",),
    "deepseek_v2_lite": ("deepseekv2lite16b",),
    "deepseek_v3": ("deepseekv3671b", "deepseekv3base", "deepseekr1", "dsv3"),
    "gpt3_175b": ("gpt175b", "gpt1746b"),
    "gpt_1t": ("megatron1t",),
    "gpt_22b": ("megatron22b",),
    "gpt_530b": ("gpt5296b", "megatron530b", "mtnlg530b", "megatronturing530b"),
    "gpt_neox_20b": ("neox20b",),
    "grok_1": ("grok1314b", "grok314b"),
    "internlm_7b": ("internlm7bchat",),
    "kimi_k2": ("kimik21t", "kimik2base"),
    "llama2_13b": ("llama13b", "llama113b"),
    "llama2_34b": ("codellama34b",),
    "llama2_7b": ("llama7b", "llama17b"),
    "llama3_1b": ("llama321b",),
    "llama3_3b": ("llama323b",),
    "llama3_405b": ("llama31405b",),
    "llama3_70b": ("llama3170b", "llama3370b"),
    "llama3_8b": ("llama318b",),
    "llama4_scout": ("llama416e", "llama4scout17b16e", "llama4scout109b"),
    "llama_33b": ("llama30b", "llama133b", "llama130b"),
    "llama_65b": ("llama165b",),
    "mistral_7b": ("mistral7bv01", "mistral7bv02"),
    "mixtral_8x22b": ("mixtral8x22bv01", "mixtral8x22bv03", "mixtral141b"),
    "mixtral_8x7b": ("mixtral8x7bv01", "mixtral47b"),
    "moonlight_16b_a3b": ("moonlight16b", "moonlight"),
    "nanotron_1b": ("nanotronllama1b",),
    "nanotron_3b": ("nanotronllama3b",),
    "nanotron_80b": ("nanotronllama80b",),
    "nanotron_8b": ("nanotronllama8b",),
    "nemotron4_15b": ("nemotron15b",),
    "nemotron4_340b": ("nemotron340b",),
    "qwen2_5_0_5b": ("qwen205b",),
    "qwen2_5_1_5b": ("qwen215b",),
    "qwen2_5_72b": ("qwen272b",),
    "qwen2_5_7b": ("qwen27b",),
    "qwen3_235b_a22b": ("qwen3235b", "qwen3moe235b", "qwen3moe235ba22b"),
    "qwen3_30b_a3b": ("qwen330b", "qwen3moe30b", "qwen3moe30ba3b"),
}
BRACKETS = re.compile(r"\([^)]*\)")
MANNER = re.compile(
    r"\b(proxy|instruct|chat|hf|pretrain\w*|fine-?tun\w*|sft|lora|with \d+ layers|\d+[- ]nodes?)\b"
)


@cache
def preset_name(name: str, presets: frozenset[str]) -> str | None:
    """Which of `presets` the name means; None where none has it."""
    return _spelled(presets).get(letters(name))


def letters(name: str) -> str:
    """What is compared: lower-case letters and digits, without remarks."""
    own = BRACKETS.sub(" ", name.lower().replace("_", " "))
    bare = MANNER.sub(" ", own.rpartition("/")[2])  # `meta-llama/Llama-2-7b-hf`
    return re.sub(r"[^a-z0-9]", "", bare)


@cache
def _spelled(presets: frozenset[str]) -> Mapping[str, str]:
    """Every spelling -> its preset."""
    found = {letters(preset): preset for preset in presets}
    for preset, spellings in SPELLINGS.items():
        if preset in presets:
            found.update(dict.fromkeys(spellings, preset))
    return found
