"""What every member of a model family of `stdlib/models` shares, in the words of `Architecture`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

GPT: dict[str, Any] = {
    "glu": False,
    "tied": True,
    "norm": "layer",
    "positions": "learned",
    "linear_bias": True,
}
LLAMA: dict[str, Any] = {}

FAMILIES: Mapping[str, Mapping[str, Any]] = {
    "bloom": GPT | {"positions": "alibi", "embedding_norm": True},
    "deepseek": {},
    "gemma2": {"tied": True, "norms_per_layer": 4},
    "gpt": GPT,
    "gpt_neox": GPT | {"positions": "rope", "tied": False},
    "gpt_oss": {
        "qkv_bias": True,
        "output_bias": True,
        "router_bias": True,
        "expert_bias": True,
        "attention_sinks": True,
    },
    "grok": {"tied": True, "norms_per_layer": 4},
    "llama": LLAMA,
    "mixtral": {},
    "mpt": {"glu": False, "tied": True, "norm": "layer_without_bias", "positions": "alibi"},
    "nemotron": {"glu": False, "norm": "layer"},
}
"""The model at the end of a preset's chain of cases -> what its code fixes."""
