"""gpt-oss: experts in every layer, biases everywhere, attention sinks."""

from __future__ import annotations

from solver.importing.hf import attention
from solver.importing.hf.config import Config
from solver.importing.hf.imported import Imported
from solver.importing.hf.mixtral import EXPERTS, UNITS, topk


def gpt_oss(config: Config) -> Imported:
    """`GptOssConfig`. The window is of half the layers, so it does not bound `seq`."""
    attention.untied(config, "gpt_oss")
    if not config.flag("attention_bias", True):
        config.beyond("attention_bias", "`gpt_oss` has biases in its attention")
    attention.activation(config, ("silu", "swish"))
    attention.rotary(config)
    attention.window(config)
    for name in ("swiglu_alpha", "swiglu_limit"):
        config.value(name)  # the gate is scaled and clamped as it is computed
    experts = config.size("num_local_experts", EXPERTS)
    arguments = (
        *attention.sizes(config),
        *attention.grouped_heads(config, has_dim_default=False),
        ("experts", experts),
        ("topk", topk(config, experts)),
        ("ffn", config.size("intermediate_size", UNITS)),
        ("vocab", config.size("vocab_size", "the size of the vocabulary")),
    )
    seq = attention.length(config)
    return Imported("models.gpt_oss", "gpt_oss", arguments, seq, is_mixture=True)
