"""The operators of a decoder's layer, as the standard library writes it (`models/layers.mmp`).

Every operator has a role, which says what tensor and expert parallelism do with it. Inputs are the
names of operators in the layer; `x` is the residual stream that enters it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Role = Literal["tokens", "positions", "heads", "attention", "hidden", "vocabulary", "experts"]
"""`tokens`: norms, sums and routing. `positions`: the sum with learned positions, which frameworks
do before they cut tokens over tensor axes. `heads` and `attention`: cut by heads. `hidden`:
feed-forward blocks, cut by hidden units. `vocabulary`: embedding, head and loss. `experts`: the
products of experts."""

NEEDED: Mapping[Role, tuple[str, ...]] = {
    "tokens": ("b", "s"),
    "positions": ("b", "s"),
    "heads": ("b", "s", "g"),
    "attention": ("b", "s", "g"),
    "hidden": ("b", "s", "f"),
    "vocabulary": ("b", "s", "v"),
    "experts": ("e", "c", "f"),
}
"""The indices that an operator of a role has, unless it is the end of a product."""

NORMS = ("rms_norm", "layer_norm")
PRODUCTS = ("matmul", "linear")


@dataclass(frozen=True, slots=True)
class Step:
    """One operator: the kinds it may be of, and what it reads beside parameters."""

    role: Role
    kinds: tuple[str, ...]
    inputs: tuple[str, ...]


Template = dict[str, Step]


def layer(names: frozenset[str]) -> Template:
    """The layer that has these operators, as far as there is one: attention, then the kind of
    feed-forward block that its names tell."""
    found = _attention(names)
    if "moe.norm" in names:
        return found | _mixture(names)
    return found | _feed_forward("mlp.gate" in names)


def _attention(names: frozenset[str]) -> Template:
    found = {"attn.norm": Step("tokens", NORMS, ("x",))}
    for name in ("q", "key", "val"):
        found[f"attn.{name}"] = Step("heads", PRODUCTS, ("attn.norm",))
    query, key = "attn.q", "attn.key"
    for change, kind in (("norm", "rms_norm"), ("rotated", "rope")):
        if f"attn.q_{change}" in names:
            found[f"attn.q_{change}"] = Step("heads", (kind,), (query,))
            found[f"attn.key_{change}"] = Step("heads", (kind,), (key,))
            query, key = f"attn.q_{change}", f"attn.key_{change}"
    found["attn.o"] = Step("attention", ("attention",), (query, key, "attn.val"))
    found["attn.y"] = Step("heads", PRODUCTS, ("attn.o",))
    found["attn.out"] = Step("tokens", ("add",), ("x", "attn.y"))
    return found


def _feed_forward(is_gated: bool) -> Template:
    found = {"mlp.norm": Step("tokens", NORMS, ("attn.out",))}
    if is_gated:
        found |= _gated("mlp", "mlp.norm", "hidden")
    else:
        found["mlp.up"] = Step("hidden", PRODUCTS, ("mlp.norm",))
        found["mlp.act"] = Step("hidden", ("gelu",), ("mlp.up",))
        found["mlp.down"] = Step("hidden", PRODUCTS, ("mlp.act",))
    found["mlp.out"] = Step("tokens", ("add",), ("attn.out", "mlp.down"))
    return found


def _gated(block: str, source: str, role: Role) -> Template:
    return {
        f"{block}.gate": Step(role, ("matmul",), (source,)),
        f"{block}.up": Step(role, ("matmul",), (source,)),
        f"{block}.act": Step(role, ("silu_mul",), (f"{block}.gate", f"{block}.up")),
        f"{block}.down": Step(role, ("matmul",), (f"{block}.act",)),
    }


def _mixture(names: frozenset[str]) -> Template:
    scores = "moe.balanced" if "moe.balanced" in names else "moe.router"
    found = {
        "moe.norm": Step("tokens", NORMS, ("attn.out",)),
        "moe.router": Step("tokens", ("matmul",), ("moe.norm",)),
        "moe.chosen": Step("tokens", ("top_k",), (scores,)),
        "moe.dispatch": Step("tokens", ("dispatch",), ("moe.norm", "moe.chosen")),
        **_gated("moe.experts", "moe.dispatch", "experts"),
        "moe.combine": Step("tokens", ("combine",), ("moe.experts.down", "moe.chosen")),
    }
    if scores == "moe.balanced":
        found[scores] = Step("tokens", ("bias_add",), ("moe.router",))
    result = "moe.combine"
    if "moe.shared.down" in names:
        found |= _gated("moe.shared", "moe.norm", "hidden")
        result, extra = "moe.mixed", "moe.shared.down"
        if "moe.gated" in names:
            found["moe.passed"] = Step("tokens", ("matmul",), ("moe.norm",))
            found["moe.gated"] = Step("tokens", ("scale",), (extra, "moe.passed"))
            extra = "moe.gated"
        found[result] = Step("tokens", ("add",), ("moe.combine", extra))
    found["moe.out"] = Step("tokens", ("add",), ("attn.out", result))
    return found
