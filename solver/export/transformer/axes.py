"""What each sub-axis of the mesh is to a decoder: data, context or tensor parallelism; and among
experts, expert, expert tensor or expert data parallelism. Read off what most layers do; every
operator must agree (`cuts.py`)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, TypeVar

from dsl.spec import Operator, SubAxis
from solver.export.refusals import Refusal
from solver.export.transformer.decoder import Decoder
from solver.verify.plan import Plan

AxisRole = Literal["data", "context", "tensor"]
ExpertRole = Literal["expert_data", "expert", "expert_tensor"]
ContextStyle = Literal["gathered", "by_heads"]
R = TypeVar("R", AxisRole, ExpertRole)

_OF_PROJECTION: dict[str | None, AxisRole] = {"b": "data", "s": "context", "g": "tensor"}
_OF_EXPERTS: dict[str | None, ExpertRole] = {
    "c": "expert_data",
    "e": "expert",
    "f": "expert_tensor",
}


@dataclass(frozen=True, slots=True)
class Axes:
    """Roles by name of sub-axis; `experts` is empty in models without any.

    `sequence_parallel`: norms and sums are cut by tokens over the tensor axes. `context`: attention
    gathers keys and values over the context axes, or is cut by heads there (Ulysses).
    """

    parts: tuple[SubAxis, ...]
    roles: Mapping[str, AxisRole]
    experts: Mapping[str, ExpertRole]
    sequence_parallel: bool
    context: ContextStyle

    def named(self, *roles: str) -> tuple[str, ...]:
        """The sub-axes of some roles, in mesh order; roles among experts have their own names."""
        both = (self.roles, self.experts)
        return tuple(p.name for p in self.parts if any(m.get(p.name) in roles for m in both))

    def degree(self, *roles: str) -> int:
        """The product of the sizes of `named`."""
        chosen = self.named(*roles)
        return math.prod(part.size for part in self.parts if part.name in chosen)


def cut_index(plan: Plan, operator: Operator, part: str) -> str | None:
    """The index that a sub-axis cuts of an operator (not those tied to it)."""
    names = [p.name for p in plan.frame.parts]
    cut = plan.shardings[operator.name].cut[names.index(part)]
    return cut[0] if cut else None


def read_axes(plan: Plan, decoder: Decoder, who: str) -> Axes | tuple[Refusal, ...]:
    """The roles, or the sub-axes that have none."""
    found: list[Refusal] = []
    parts = plan.frame.parts
    roles = _roles(plan, decoder, "attn.q", _OF_PROJECTION, who, found)
    experts: dict[str, ExpertRole] = {}
    if any(decoder.has(layer, "moe.router") for layer in range(len(decoder.layers))):
        experts = _roles(plan, decoder, "moe.experts.gate", _OF_EXPERTS, who, found)
    if found:
        return tuple(found)
    return Axes(
        parts,
        roles,
        experts,
        _is_cut(plan, decoder, "attn.norm", "s", [p for p in roles if roles[p] == "tensor"]),
        "by_heads"
        if _is_cut(plan, decoder, "attn.o", "g", [p for p in roles if roles[p] == "context"])
        else "gathered",
    )


def _roles(
    plan: Plan,
    decoder: Decoder,
    name: str,
    table: Mapping[str | None, R],
    who: str,
    found: list[Refusal],
) -> dict[str, R]:
    alike = [decoder.inside(layer, name) for layer in range(len(decoder.layers))]
    operators = [operator for operator in alike if operator is not None]
    roles: dict[str, R] = {}
    for part in plan.frame.parts:
        cuts = [cut_index(plan, operator, part.name) for operator in operators]
        index = max(cuts, key=cuts.count)
        if index in table:
            roles[part.name] = table[index]
            continue
        does = f"is cut by `{index}`" if index else "repeats its work"
        reason = f"{does} over `{part.name}`, for which {who} has no kind of parallelism"
        subject = operators[cuts.index(index)].name
        found.append(Refusal("MMP730", subject, reason, ("operators", subject, "cuts")))
    return roles


def _is_cut(plan: Plan, decoder: Decoder, name: str, index: str, parts: list[str]) -> bool:
    """Whether the first of some sub-axes cuts this index; `cuts.py` compares the others."""
    operator = decoder.inside(0, name)
    return bool(parts) and operator is not None and cut_index(plan, operator, parts[0]) == index
