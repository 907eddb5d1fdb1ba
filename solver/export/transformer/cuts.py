"""Every operator and every tensor with several readers, against what degrees make of it."""

from __future__ import annotations

from collections.abc import Iterator

from solver.export.refusals import Refusal
from solver.export.transformer.axes import Axes, cut_index
from solver.export.transformer.decoder import Decoder
from solver.export.transformer.template import Role
from solver.verify.layouts import NONE, Layout
from solver.verify.plan import Plan

_BY_TENSOR: dict[Role, str] = {
    "heads": "g",
    "attention": "g",
    "hidden": "f",
    "vocabulary": "v",
}
_BY_EXPERT = {"expert_data": "c", "expert": "e", "expert_tensor": "f"}
_GATHERED = (".attn.norm", ".mlp.norm")
"""Norms whose result the tensor axes gather once for all its readers."""


def expected(axes: Axes, role: Role, part: str) -> str | None:
    """The index of an operator that a sub-axis cuts; None: it repeats the operator."""
    if role == "experts":
        return _BY_EXPERT[axes.experts[part]]
    match axes.roles[part]:
        case "data":
            return "b"
        case "context":
            return "g" if role == "attention" and axes.context == "by_heads" else "s"
        case "tensor":
            cuts_tokens = axes.sequence_parallel and role == "tokens"
            return _BY_TENSOR.get(role, "s" if cuts_tokens else None)


def cut_refusals(plan: Plan, decoder: Decoder, axes: Axes, who: str) -> Iterator[Refusal]:
    """Operators that are cut in another way."""
    for operator in decoder.spec.graph.operators:
        role = decoder.roles[operator.name]
        for part in axes.parts:
            found, wanted = cut_index(plan, operator, part.name), expected(axes, role, part.name)
            if found != wanted:
                reason = f"{_cut(found)} over `{part.name}`, where {who} has it {_wanted(wanted)}"
                reason += f", as {_parallelism(axes, role, part.name)} parallelism"
                place = ("operators", operator.name, "cuts")
                yield Refusal("MMP730", operator.name, reason, place)


def tensor_refusals(plan: Plan, decoder: Decoder, axes: Axes, who: str) -> Iterator[Refusal]:
    """Tensors with several readers that are laid out in another way."""
    for name in plan.wiring.shared:
        wanted, partial = _shared(plan, decoder, axes, name)
        place = ("tensors", name)
        if plan.shared_layout(name) != wanted:
            reason = f"is kept for its readers in a layout that {who} does not keep it in"
            yield Refusal("MMP730", name, reason, place)
        elif tuple(sorted(plan.decisions.tensors[name].partial)) != tuple(sorted(partial)):
            reason = f"has its gradient summed at another place than {who} sums it"
            yield Refusal("MMP730", name, reason, place)


def _shared(plan: Plan, decoder: Decoder, axes: Axes, name: str) -> tuple[Layout, tuple[str, ...]]:
    """The layout of a shared tensor, and the sub-axes that keep its gradient partial."""
    write = plan.wiring.producers.get(name)
    tensor = plan.spec.graph.tensors[name]
    dims = [dim.name for dim in tensor.dims]
    role: Role = "tokens" if write is None else decoder.roles[write.operator.name]
    tensors = axes.named("tensor")
    if name.endswith(".moe.dispatch"):
        split = axes.named("expert_tensor")
        return _layout(axes, dims, "experts", split), split
    if write is None or name.endswith(_GATHERED):
        return _layout(axes, dims, role, tensors), tensors if write is not None else ()
    if role in ("vocabulary", "positions"):  # what enters the layers is kept as they keep it
        role = "tokens"
    return _layout(axes, dims, role, ()), ()


def _layout(axes: Axes, dims: list[str], role: Role, whole: tuple[str, ...]) -> Layout:
    found = []
    for part in axes.parts:
        index = None if part.name in whole else expected(axes, role, part.name)
        found.append(dims.index(index) if index in dims else NONE)
    return tuple(found)


def _parallelism(axes: Axes, role: Role, part: str) -> str:
    kind = axes.experts[part] if role == "experts" else axes.roles[part]
    if kind == "tensor" and role == "tokens" and axes.sequence_parallel:
        return "sequence"
    return kind.replace("_", " ")


def _cut(index: str | None) -> str:
    return f"is cut by `{index}`" if index else "repeats its work"


def _wanted(index: str | None) -> str:
    return f"cut by `{index}`" if index else "whole on every device"
