"""Mixtral, and Qwen's mixtures of experts: Llama's attention, experts in every layer."""

from __future__ import annotations

from solver.importing.hf import attention
from solver.importing.hf.config import Config
from solver.importing.hf.imported import Argument, Imported, switches

EXPERTS = "the number of experts"
UNITS = "the hidden units of an expert"


def mixtral(config: Config) -> Imported:
    """`MixtralConfig`."""
    experts = config.size("num_local_experts", EXPERTS)
    ffn = config.size("intermediate_size", UNITS)
    heads = attention.grouped_heads(config)
    seq = attention.length(config, attention.window(config))
    return _decoder(config, heads, experts, ffn, seq)


def qwen2_moe(config: Config) -> Imported:
    """`Qwen2MoeConfig`: Qwen2's biases unless switched off, a shared expert behind a gate."""
    experts, ffn = _qwen_experts(config)
    shared = config.size("shared_expert_intermediate_size", "the hidden units of the shared expert")
    heads = attention.grouped_heads(config)
    seq = attention.switched_length(config)
    beside = (
        ("shared_ffn", shared),
        *switches(shared_gate=True, qkv_bias=config.flag("qkv_bias", True)),
    )
    return _decoder(config, heads, experts, ffn, seq, beside)


def qwen3_moe(config: Config) -> Imported:
    """`Qwen3MoeConfig`: Qwen3's norms of queries and keys."""
    attention.no_flag(config, "attention_bias", "`mixtral` has no bias on the result of attention")
    experts, ffn = _qwen_experts(config)
    heads = attention.grouped_heads(config, has_dim_default=False)
    seq = attention.switched_length(config)
    return _decoder(config, heads, experts, ffn, seq, switches(qk_norm=True))


def _qwen_experts(config: Config) -> tuple[int, int]:
    """Experts and their hidden units, where every layer has some; then `intermediate_size`, that
    of the layers without, is of no layer."""
    dense = "`mixtral` has experts in every layer"
    if config.size("decoder_sparse_step", "", default=1, low=0) != 1:
        config.beyond("decoder_sparse_step", dense)
    if config.value("mlp_only_layers"):
        config.beyond("mlp_only_layers", dense)
    config.value("intermediate_size")
    return config.size("num_experts", EXPERTS), config.size("moe_intermediate_size", UNITS)


def _decoder(
    config: Config,
    heads: tuple[Argument, ...],
    experts: int,
    ffn: int,
    seq: int,
    beside: tuple[Argument, ...] = (),
) -> Imported:
    attention.rotary(config)
    attention.activation(config, ("silu", "swish"))
    attention.untied(config, "mixtral")
    arguments = (
        *attention.sizes(config),
        *heads,
        ("experts", experts),
        ("topk", topk(config, experts)),
        ("ffn", ffn),
        ("vocab", config.size("vocab_size", "the size of the vocabulary")),
        *beside,
    )
    return Imported("models.mixtral", "mixtral", arguments, seq, is_mixture=True)


def topk(config: Config, experts: int) -> int:
    """How many of the experts a token goes to."""
    name = "num_experts_per_tok"
    chosen = config.size(name, "the number of experts that a token goes to")
    config.fits(name, chosen <= experts, f"{chosen} of only {experts} experts")
    return chosen
