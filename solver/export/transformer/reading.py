"""A saved plan as a decoder with degrees: all that a framework's configuration is made from."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from dsl.spec import Unit
from solver.export.refusals import Refusal, refuse
from solver.export.saved import SavedPlan
from solver.export.transformer.axes import Axes, read_axes
from solver.export.transformer.cuts import cut_refusals, tensor_refusals
from solver.export.transformer.decoder import Decoder, read_decoder
from solver.export.transformer.order import Name, built_in
from solver.export.transformer.storage import Storage, read_storage


@dataclass(frozen=True, slots=True)
class Reading:
    """Everything about the plan in the words of frameworks. `order` is the built-in schedule that
    the plan keeps, if it keeps one. `is_partial`: axes or storage have no meaning to the framework,
    and what stands for them here is not the plan's."""

    saved: SavedPlan
    decoder: Decoder
    axes: Axes
    storage: Storage
    order: Name | None
    is_partial: bool = False

    @property
    def stages(self) -> int:
        """Pipeline stages."""
        return self.saved.plan.stages

    @property
    def microbatches(self) -> int:
        """Micro-batches in a step."""
        return self.saved.plan.frame.microbatches

    @property
    def microbatch_size(self) -> int:
        """Samples of one micro-batch on one device."""
        return self.size("b") // self.microbatches // self.axes.degree("data")

    def size(self, index: str, operator: str = "attn.norm", layer: int = 0) -> int:
        """The size of an index of an operator of a layer, in the whole batch; 1 without it."""
        found = self.decoder.inside(layer, operator)
        sizes = {i.name: i.size for i in found.indices} if found else {}
        return sizes.get(index, 1)

    def chunks(self) -> tuple[tuple[Unit, ...], ...]:
        """The units of every chunk, in the order of the model."""
        plan = self.saved.plan
        return tuple(plan.units_in(chunk) for chunk in range(len(plan.places)))


def read(saved: SavedPlan, who: str) -> tuple[Reading, list[Refusal]]:
    """The plan as the framework `who` sees it, with what it cannot do in cuts, layouts and storage.
    Raises DiagnosticError where the model is no decoder, so that nothing more can be said."""
    decoder = read_decoder(saved.spec, who)
    if not isinstance(decoder, Decoder):
        refuse(saved, decoder)
        raise AssertionError("a model that is no decoder is refused")
    order, storage = built_in(saved), Storage(0, ())
    axes = read_axes(saved.plan, decoder, who)
    if not isinstance(axes, Axes):
        parts = saved.plan.frame.parts
        stand_in = Axes(parts, {part.name: "data" for part in parts}, {}, False, "gathered")
        return Reading(saved, decoder, stand_in, storage, order, True), list(axes)
    found = [*cut_refusals(saved.plan, decoder, axes, who)]
    found += tensor_refusals(saved.plan, decoder, axes, who) if not found else ()
    stored = read_storage(saved, decoder, axes, who)
    if isinstance(stored, Storage):
        return Reading(saved, decoder, axes, stored, order), found
    return Reading(saved, decoder, axes, storage, order, True), [*found, *stored]


def certain(reading: Reading, refusals: Iterable[Refusal]) -> list[Refusal]:
    """The refusals, or where axes or storage have no meaning to the framework, those of them that
    do not depend on these: of models, orders and recomputation."""
    apart = ("MMP731", "MMP733", "MMP734")
    return [r for r in refusals if not reading.is_partial or r.code in apart]


def stage_refusals(reading: Reading, who: str) -> Iterator[Refusal]:
    """Units around the layers that are not at the ends of the model."""
    plan, decoder = reading.saved.plan, reading.decoder
    last = len(plan.places) - 1
    ends = [(unit, 0, "first") for unit in decoder.first]
    ends += [(unit, last, "last") for unit in decoder.last]
    for unit, wanted, word in ends:
        if plan.virtual_stage_of[unit.name] != wanted:
            reason = f"is not in the {word} chunk, where {who} has it"
            place = ("operators", unit.operators[0], "stage")
            yield Refusal("MMP735", unit.name, reason, place)


def layers_of(chunk: Sequence[Unit]) -> list[Unit]:
    """The layers among the units of a chunk."""
    return [unit for unit in chunk if unit.repeat is not None]
