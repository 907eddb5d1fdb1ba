"""Nemotron-4 and Minitron: grouped-query attention, squared ReLU, LayerNorm, no other bias."""

from __future__ import annotations

from solver.importing.hf import attention
from solver.importing.hf.config import Config
from solver.importing.hf.imported import Imported


def nemotron(config: Config) -> Imported:
    """`NemotronConfig`. Of a head's values `partial_rotary_factor` are rotated, by default half."""
    attention.untied(config, "nemotron")
    for name in ("attention_bias", "mlp_bias"):
        attention.no_flag(config, name, "`nemotron` has biases in its norms alone")
    attention.activation(config, ("relu2",))
    attention.rotary(config)
    arguments = (
        *attention.sizes(config),
        *attention.grouped_heads(config, has_kv_default=True),
        ("ffn", config.size("intermediate_size", "the hidden units of a feed-forward block")),
        ("vocab", config.size("vocab_size", "the size of the vocabulary")),
    )
    return Imported("models.gpt_like", "nemotron", arguments, attention.length(config))
