"""How parameters are stored, as one level for all of them and one set of axes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from solver.export.refusals import Refusal
from solver.export.saved import SavedPlan
from solver.export.transformer.axes import Axes
from solver.export.transformer.decoder import Decoder

Level = Literal[0, 1, 2, 3]
_FIELDS = ("stored", "gradients_stored", "optimizer_stored")
_STORED = ("parameters", "gradients", "optimizer")
_DOES = {
    0: "is stored whole",
    1: "has only its optimizer state cut",
    2: "has its optimizer state and gradient cut",
    3: "is cut in storage",
}
_STANDS = {
    0: "stored whole",
    1: "with only its optimizer state cut",
    2: "with its optimizer state and gradient cut",
    3: "cut in storage",
}


@dataclass(frozen=True, slots=True)
class Storage:
    """The ZeRO level of every parameter, over these sub-axes (of experts' parameters: those of them
    that do not cut the experts). Level 0 where no axis repeats parameters."""

    level: Level
    axes: tuple[str, ...]


def read_storage(
    saved: SavedPlan, decoder: Decoder, axes: Axes, who: str
) -> Storage | tuple[Refusal, ...]:
    """The storage of the first layer's queries, which every parameter must share."""
    readers = saved.plan.wiring.readers
    reference = next(
        name
        for name in saved.plan.wiring.parameters
        if readers[name][0].operator.name == f"{decoder.layers[0].name}.attn.q"
    )
    sets = tuple(_beyond_use(saved, reference, field) for field in _FIELDS)
    level = _level(sets)
    if level is None:
        reason = f"is stored over different axes at different levels, for which {who} has no option"
        return (Refusal("MMP732", reference, reason, ("parameters", reference)),)
    storage = Storage(level, sets[2])
    found = tuple(_others(saved, decoder, axes, storage, reference, who))
    return found if found else storage


def _others(
    saved: SavedPlan, decoder: Decoder, axes: Axes, storage: Storage, reference: str, who: str
) -> Iterator[Refusal]:
    for name in saved.plan.wiring.parameters:
        role = decoder.roles[saved.plan.wiring.readers[name][0].operator.name]
        repeats = axes.named("expert_data") if role == "experts" else axes.named("data", "context")
        scope = tuple(p for p in storage.axes if p in repeats)
        sets = tuple(_beyond_use(saved, name, field) for field in _FIELDS)
        wanted = tuple(scope if storage.level >= needed else () for needed in (3, 2, 1))
        if sets == wanted:
            continue
        level, over = _level(sets), ", ".join(f"`{p}`" for p in sets[2])
        does = "is stored in parts" if level is None else _DOES[level]
        stands = _STANDS[storage.level]
        if storage.level and scope:
            stands += " over " + ", ".join(f"`{p}`" for p in scope)
        reason = f"{does}{f' over {over}' if over else ''}, where {who} has it {stands}"
        reason += f", like `{reference}`"
        yield Refusal("MMP732", name, reason, ("parameters", name), _pins(sets, wanted))


def _pins(sets: tuple[tuple[str, ...], ...], wanted: tuple[tuple[str, ...], ...]) -> str:
    """The pins that would store a parameter as wanted."""
    found = []
    for what, has, needs in zip(_STORED, sets, wanted, strict=True):
        more, less = ([p for p in a if p not in b] for a, b in ((has, needs), (needs, has)))
        if more:
            found.append(f"`forbid PATH : {what} stored over {_over(more)}`")
        if less:
            found.append(f"`pin PATH : {what} stored over {_over(less)}`")
    return ", ".join(found)


def _over(parts: list[str]) -> str:
    return parts[0] if len(parts) == 1 else f"({', '.join(parts)})"


def _level(sets: tuple[tuple[str, ...], ...]) -> Level | None:
    """The level of (parameters, gradients, optimizer); None where different axes cut them."""
    parameters, gradients, optimizer = sets
    if not optimizer:
        return 0
    if (parameters and parameters != optimizer) or (gradients and gradients != optimizer):
        return None
    return 3 if parameters else 2 if gradients else 1


def _beyond_use(saved: SavedPlan, name: str, field: str) -> tuple[str, ...]:
    """The sub-axes that cut a parameter in storage and not in use, in mesh order."""
    entry = saved.document["parameters"][name]
    used = {part for parts in entry["used"].values() for part in parts}
    stored = {part for parts in entry[field].values() for part in parts}
    return tuple(p.name for p in saved.plan.frame.parts if p.name in stored - used)
