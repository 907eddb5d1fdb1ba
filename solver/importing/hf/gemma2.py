"""Gemma 2: four norms a layer, every second layer with a window."""

from __future__ import annotations

from solver.importing.hf import attention
from solver.importing.hf.config import Config
from solver.importing.hf.imported import Imported

GELU = ("gelu_pytorch_tanh", "gelu", "gelu_new")


def gemma2(config: Config) -> Imported:
    """`Gemma2Config`: embedding and head tied; `head_dim` must be there, since transformers takes
    256 where it is missing. The window is of half the layers, so it does not bound `seq`."""
    attention.no_flag(config, "attention_bias", "`gemma2` has no biases")
    if not config.flag("tie_word_embeddings", True):
        config.beyond("tie_word_embeddings", "`gemma2` has one table for embedding and head")
    attention.activation(config, GELU, "hidden_activation")
    config.value("hidden_act")  # that of Gemma 1, not read by this class
    attention.rotary(config)
    attention.window(config)
    for name in ("attn_logit_softcapping", "final_logit_softcapping"):
        if config.value(name) is not None:
            config.differs(name, "scores are not capped")
    arguments = (
        *attention.sizes(config),
        *attention.grouped_heads(config, has_dim_default=False),
        ("ffn", config.size("intermediate_size", "the hidden units of a feed-forward block")),
        ("vocab", config.size("vocab_size", "the size of the vocabulary")),
    )
    return Imported("models.four_norms", "gemma2", arguments, attention.length(config))
