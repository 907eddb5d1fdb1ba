"""What Megatron-LM cannot do beside cuts: orders, places, storage, recomputation."""

from __future__ import annotations

from collections.abc import Iterator

from solver.export.megatron.parallelism import MAPPINGS, WHO, mapping, prefix, rank_positions
from solver.export.refusals import Refusal
from solver.export.transformer.order import departure
from solver.export.transformer.ranks import rank_refusals
from solver.export.transformer.reading import Reading, layers_of, stage_refusals


def refusals(reading: Reading) -> Iterator[Refusal]:
    """Everything in the plan that flags cannot say."""
    yield from stage_refusals(reading, WHO)
    yield from _order(reading)
    yield from _ranks(reading)
    yield from _storage(reading)
    yield from _recompute(reading)
    yield from _sequence(reading)


def _order(reading: Reading) -> Iterator[Refusal]:
    if reading.order in ("accumulation", "one_f_one_b", "interleaved"):
        return
    subject, place = departure(reading.saved)
    reason = f"departs from 1F1B; {WHO} runs that, or its interleaved form, with whole backwards"
    help = f"`pipeline {reading.stages} stages one_f_one_b` keeps the planner to this order"
    yield Refusal("MMP731", subject, reason, place, help)


def _ranks(reading: Reading) -> Iterator[Refusal]:
    """Where neither mapping of ranks fits, the one that it has by default is compared."""
    if mapping(reading) is None:
        wanted = rank_positions(reading, MAPPINGS[""])
        yield from rank_refusals(reading.saved.plan, wanted, WHO)


def _storage(reading: Reading) -> Iterator[Refusal]:
    storage, axes = reading.storage, reading.axes
    if storage.level == 0 or storage.axes == axes.named("data", "context"):
        if storage.level > 1 and mapping(reading):
            reason = "is cut over axes outside the stages, which Megatron-FSDP does not"
            yield _stored(reading, reason)
        return
    reason = f"is stored over part of the data-parallel devices, where {WHO} takes all"
    yield _stored(reading, reason)


def _stored(reading: Reading, reason: str) -> Refusal:
    name = f"{reading.decoder.layers[0].name}.attn.q"
    found = reading.saved.plan.wiring.operators[name].inputs[1].tensor
    return Refusal("MMP732", found, reason, ("parameters", found, "levels"))


def _recompute(reading: Reading) -> Iterator[Refusal]:
    """Recomputed layers are as many first ones in every chunk."""
    again = reading.saved.plan.recomputed
    for unit in (*reading.decoder.first, *reading.decoder.last):
        if again[unit.name]:
            reason = f"runs its forward again, where {WHO} recomputes layers only"
            place = ("operators", unit.operators[0], "recompute")
            yield Refusal("MMP733", unit.name, reason, place)
    count = prefix(reading)
    for chunk in reading.chunks():
        for number, unit in enumerate(layers_of(chunk)):
            if again[unit.name] != (number < count):
                does = "runs its forward again" if again[unit.name] else "keeps its activations"
                reason = (
                    f"{does}, where {WHO} recomputes the first layers of chunks, as many in each"
                )
                reason += f", here {count}" if count else ""
                place = ("operators", unit.operators[0], "recompute")
                yield Refusal("MMP733", unit.name, reason, place)


def _sequence(reading: Reading) -> Iterator[Refusal]:
    axes = reading.axes
    if axes.experts and axes.degree("tensor") > 1 and not axes.sequence_parallel:
        name = f"{reading.decoder.layers[0].name}.attn.norm"
        reason = f"is whole on every device, where {WHO} has mixtures sequence parallel"
        yield Refusal("MMP730", name, reason, ("operators", name, "cuts"))
