"""DeepSeek-V2, DeepSeek-V3 and Kimi K2: latent attention, many small experts, shared ones."""

from __future__ import annotations

from solver.importing.hf import attention
from solver.importing.hf.config import LARGEST, Config
from solver.importing.hf.imported import Imported, switches
from solver.importing.hf.mixtral import topk

MODEL = "deepseek"
# With an auxiliary loss, and with a balancing bias instead of it.
UNBIASED, BIASED = ("greedy", "group_limited_greedy"), ("noaux_tc",)


def deepseek_v2(config: Config) -> Imported:
    """`DeepseekV2Config`: the router has no bias unless `topk_method` says so."""
    return _decoder(config, UNBIASED[0])


def deepseek_v3(config: Config) -> Imported:
    """`DeepseekV3Config`: the router has a balancing bias."""
    return _decoder(config, BIASED[0])


def _decoder(config: Config, usual_method: str) -> Imported:
    attention.no_flag(config, "attention_bias", f"`{MODEL}` has no biases in its attention")
    attention.no_flag(config, "mlp_bias", f"`{MODEL}` has no biases in its feed-forward blocks")
    attention.untied(config, MODEL)
    attention.activation(config, ("silu", "swish"))
    attention.rotary(config)
    sizes = attention.sizes(config)
    layers, heads = dict(sizes)["layers"], attention.heads(config)
    keys = config.size("num_key_value_heads", "", default=heads)
    config.fits("num_key_value_heads", keys == heads, f"{keys}, but latent attention has {heads}")
    dense = config.size("first_k_dense_replace", "the number of dense layers", low=0)
    config.fits("first_k_dense_replace", dense < layers, f"{dense} of only {layers} layers")
    experts = config.size("n_routed_experts", "the number of experts")
    expert_ffn = config.size("moe_intermediate_size", "the hidden units of an expert")
    shared = _size_or_null(config, "n_shared_experts", "the number of shared experts", high=1000)
    arguments = (
        sizes[0],
        ("dense_layers", dense),
        sizes[1],
        ("heads", heads),
        ("q_latent", _size_or_null(config, "q_lora_rank", "the latent of queries")),
        ("kv_latent", config.size("kv_lora_rank", "the latent of keys and values")),
        ("content_dim", config.size("qk_nope_head_dim", "a key's values of its head's own")),
        ("rotary_dim", config.size("qk_rope_head_dim", "a key's rotary values")),
        ("value_dim", config.size("v_head_dim", "the size of a value")),
        ("ffn", config.size("intermediate_size", "the hidden units of a dense layer")),
        ("experts", experts),
        ("topk", topk(config, experts)),
        ("expert_ffn", expert_ffn),
        ("shared_ffn", shared * expert_ffn),
        ("vocab", config.size("vocab_size", "the size of the vocabulary")),
        *switches(router_bias=_has_bias(config, usual_method)),
    )
    _left_out(config)
    seq = attention.length(config)
    return Imported("models.deepseek", MODEL, arguments, seq, is_mixture=True)


def _size_or_null(config: Config, name: str, what: str, high: int = LARGEST) -> int:
    """A size of which `null`, other than a missing field, says that there is no such thing."""
    if name in config.fields and config.value(name) is None:
        return 0
    return config.size(name, f"{what}, or null", low=0, high=high)


def _has_bias(config: Config, usual: str) -> bool:
    method = config.text("topk_method", usual)
    if method not in UNBIASED + BIASED:
        config.beyond("topk_method", f"known are {', '.join(UNBIASED + BIASED)}")
    return method in BIASED


def _left_out(config: Config) -> None:
    """What the library model does without."""
    if config.size("moe_layer_freq", "", default=1) != 1:
        config.beyond("moe_layer_freq", f"`{MODEL}` has experts in every layer behind the dense")
    if config.size("num_nextn_predict_layers", "", default=0, low=0) > 0:
        config.differs(
            "num_nextn_predict_layers",
            "the modules that predict further tokens are left out, parameters and all",
        )
    groups = config.size("n_group", "", default=1)
    taken = config.size("topk_group", "", default=groups)
    if taken < groups:
        config.differs("n_group", "a token's experts are taken to lie in any of the groups")
