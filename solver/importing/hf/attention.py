"""Fields that families share: heads, the length of sequences, windows, rotary positions."""

from __future__ import annotations

from solver.importing.hf.config import Config
from solver.importing.hf.imported import Argument

LONGEST = 8192  # tokens of the default sequence; contexts of 128 Ki are trained last and seldom
LAYER_TYPES = ("full_attention", "sliding_attention")


def sizes(config: Config) -> tuple[Argument, ...]:
    """Layers and residual stream."""
    return (
        ("layers", config.size("num_hidden_layers", "the number of layers", high=1000)),
        ("d_model", config.size("hidden_size", "the width of the residual stream")),
    )


def heads(config: Config) -> int:
    """Query heads."""
    return config.size("num_attention_heads", "the number of query heads")


def grouped_heads(
    config: Config, has_kv_default: bool = False, has_dim_default: bool = True
) -> tuple[Argument, ...]:
    """Query heads, key heads and their size. Some configurations need not name key heads (then one
    for every query head) or the size (then the residual stream divided by the heads)."""
    queries = heads(config)
    keys = config.size(
        "num_key_value_heads", "the number of key heads", queries if has_kv_default else None
    )
    config.fits(
        "num_key_value_heads",
        queries % keys == 0,
        f"{keys} does not divide the {queries} query heads (`num_attention_heads`)",
    )
    return (("heads", queries), ("kv_heads", keys), ("head_dim", head_dim(config, has_dim_default)))


def head_dim(config: Config, has_default: bool = True) -> int:
    """The size of a head."""
    if config.value("head_dim") is not None or not has_default:
        return config.size("head_dim", "the size of a head")
    width = config.size("hidden_size", "the width of the residual stream")
    queries = heads(config)
    config.fits(
        "num_attention_heads",
        width % queries == 0,
        f"{queries} does not divide `hidden_size` {width}, and there is no `head_dim`",
    )
    return max(1, width // queries)


def length(config: Config, window: int | None = None) -> int:
    """Tokens of a sequence unless the user of the preset says more or less."""
    name = "max_position_embeddings"
    most = config.size(name, "the most tokens of a sequence")
    usual = min(most, LONGEST, window or most)
    if usual < most:
        config.remark(name, f"`seq` is {usual} unless given")
    return usual


def window(config: Config, is_used: bool = True) -> int | None:
    """How many tokens a query sees where that is less than a sequence may have."""
    seen = config.size("sliding_window", "", default=0, low=0)
    types = config.value("layer_types") or []
    if not isinstance(types, list) or not all(isinstance(one, str) for one in types):
        config.wrong("layer_types", "a list of texts")
        return None
    for one in types:
        if one not in LAYER_TYPES:
            config.beyond("layer_types", f"the library's attention is not of the kind {one!r}")
            return None
    is_used = is_used and (not types or LAYER_TYPES[1] in types)
    most = config.size("max_position_embeddings", "the most tokens of a sequence")
    if not is_used or not 0 < seen < most:
        return None
    config.differs("sliding_window", "in a longer sequence every query sees all tokens before it")
    return seen


def switched_length(config: Config) -> int:
    """As `length`, with a window only where `use_sliding_window` says so (Qwen)."""
    config.value("max_window_layers")  # how many layers go without, not what is left out of them
    return length(config, window(config, config.flag("use_sliding_window")))


def rotary(config: Config) -> None:
    """How positions are turned: no parameters, and the same work whatever the angles."""
    for name in ("rope_scaling", "rope_parameters"):
        if config.value(name):
            config.remark(name, "changes neither parameters nor time")
    for name in ("partial_rotary_factor", "rotary_pct"):
        if config.share(name, 1.0) < 1:
            config.remark(name, "the values that are not rotated are moved all the same")


def activation(config: Config, usual: tuple[str, ...], name: str = "hidden_act") -> None:
    """The non-linearity: any other than the usual is priced as that."""
    found = config.text(name, usual[0])
    if found not in usual:
        config.differs(name, f"priced as {usual[0]}")


def no_flag(config: Config, name: str, message: str) -> None:
    """A flag that the library model has no counterpart of."""
    if config.flag(name):
        config.beyond(name, message)


def untied(config: Config, model: str) -> None:
    """A model whose embedding and head are two tables, in the library always."""
    no_flag(config, "tie_word_embeddings", f"`{model}` has an embedding and a head of their own")
