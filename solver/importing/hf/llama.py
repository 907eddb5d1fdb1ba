"""Llama and what has its layers under other names: Mistral, Qwen2, Qwen3, Gemma."""

from __future__ import annotations

from solver.importing.hf import attention
from solver.importing.hf.config import Config
from solver.importing.hf.imported import Argument, Imported, switches

NO_BIAS = "`llama` has no bias on the result of attention"


def llama(config: Config) -> Imported:
    """`LlamaConfig`: every query head has a key head unless `num_key_value_heads` says less."""
    attention.no_flag(config, "attention_bias", NO_BIAS)
    attention.no_flag(config, "mlp_bias", "`llama` has no biases in its feed-forward blocks")
    heads = attention.grouped_heads(config, has_kv_default=True)
    return _decoder(config, heads, attention.length(config))


def mistral(config: Config) -> Imported:
    """`MistralConfig`: with a window in the first releases."""
    heads = attention.grouped_heads(config)
    return _decoder(config, heads, attention.length(config, attention.window(config)))


def qwen2(config: Config) -> Imported:
    """`Qwen2Config`: biases on queries, keys and values; a window only where it is switched on."""
    heads = attention.grouped_heads(config)
    return _decoder(config, heads, attention.switched_length(config), qkv_bias=True)


def qwen3(config: Config) -> Imported:
    """`Qwen3Config`: a norm of every head's queries and keys. Where `head_dim` is missing
    transformers takes 128, which is not what other models' files mean, so it must be there."""
    attention.no_flag(config, "attention_bias", NO_BIAS)
    heads = attention.grouped_heads(config, has_dim_default=False)
    return _decoder(config, heads, attention.switched_length(config), qk_norm=True)


def gemma(config: Config) -> Imported:
    """`GemmaConfig`: gated by GELU, tied unless it says otherwise; `head_dim` must be there, as
    above."""
    attention.no_flag(config, "attention_bias", NO_BIAS)
    config.value("hidden_activation")  # either is GELU
    heads = attention.grouped_heads(config, has_dim_default=False)
    gates = ("gelu", "gelu_pytorch_tanh", "gelu_new")
    return _decoder(config, heads, attention.length(config), gates, is_tied=True)


def _decoder(
    config: Config,
    heads: tuple[Argument, ...],
    seq: int,
    gates: tuple[str, ...] = ("silu", "swish"),
    is_tied: bool = False,
    **flags: bool,
) -> Imported:
    attention.rotary(config)
    attention.activation(config, gates)
    arguments = (
        *attention.sizes(config),
        *heads,
        ("ffn", config.size("intermediate_size", "the hidden units of a feed-forward block")),
        ("vocab", config.size("vocab_size", "the size of the vocabulary")),
        *switches(**flags, tied=config.flag("tie_word_embeddings", is_tied)),
    )
    return Imported("models.llama", "llama", arguments, seq)
