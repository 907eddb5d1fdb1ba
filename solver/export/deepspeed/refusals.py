"""What DeepSpeed's JSON cannot say."""

from __future__ import annotations

from collections.abc import Iterator

from solver.export.refusals import Refusal
from solver.export.transformer.order import departure
from solver.export.transformer.ranks import Numbering, positions, rank_refusals
from solver.export.transformer.reading import Reading, layers_of, stage_refusals

WHO = "DeepSpeed"
NUMBERING = Numbering(("stages", "data", "context"))
PRECISIONS = ("bf16", "fp16", "fp32")


def refusals(reading: Reading) -> Iterator[Refusal]:
    """Everything in the plan that the JSON cannot say."""
    cuts = list(_cuts(reading))
    yield from cuts
    yield from stage_refusals(reading, WHO)
    yield from _stages(reading)
    yield from _order(reading)
    yield from _storage(reading)
    yield from _recompute(reading)
    plan = reading.saved.plan
    if not cuts:
        yield from rank_refusals(plan, positions(plan, NUMBERING, reading.axes.roles, {}), WHO)
    if (name := reading.saved.spec.train.precision.name) not in PRECISIONS:
        yield Refusal("MMP734", "train", f"computes in `{name}`, for which the JSON has no key", ())


def _cuts(reading: Reading) -> Iterator[Refusal]:
    """Parallelism that is said in code, or not there."""
    axes, first = reading.axes, reading.decoder.layers[0].name
    unsaid = [
        ("tensor", "attn.q", "AutoTP, which chooses what is cut by itself"),
        ("expert", "moe.experts.gate", "this in the model's code, not in its JSON"),
        ("expert_tensor", "moe.experts.gate", "this in the model's code, not in its JSON"),
    ]
    for role, name, has in unsaid:
        for part in axes.named(role):
            reason = f"is cut over `{part}`, where {WHO} has {has}"
            place = ("operators", f"{first}.{name}", "cuts")
            yield Refusal("MMP730", f"{first}.{name}", reason, place)
    if axes.degree("context") > 1 and axes.context == "gathered":
        name = f"{first}.attn.o"
        reason = f"is cut by tokens, where {WHO} cuts attention by heads (Ulysses)"
        yield Refusal("MMP730", name, reason, ("operators", name, "cuts"))


def _stages(reading: Reading) -> Iterator[Refusal]:
    """`PipelineModule` gives every stage as many layers, or counts parameters its own way."""
    if reading.stages == 1:
        return
    counts = [len(layers_of(chunk)) for chunk in reading.chunks()]
    if len(counts) > reading.stages:
        reason = f"holds several chunks, where a stage of {WHO} holds one"
        yield Refusal("MMP735", "pipeline", reason, ("pipeline", "stages"))
    elif len(set(counts)) > 1:
        words = ", ".join(map(str, counts))
        reason = f"gives stages {words} layers, where {WHO} gives all of them as many"
        yield Refusal("MMP735", "pipeline", reason, ("pipeline", "stages"))
    if reading.axes.degree("context") > 1:
        reason = f"has stages and sequence parallelism, which {WHO} does not join"
        yield Refusal("MMP735", "pipeline", reason, ("pipeline", "axes"))


def _order(reading: Reading) -> Iterator[Refusal]:
    if reading.order not in ("accumulation", "one_f_one_b"):
        subject, place = departure(reading.saved)
        reason = f"departs from 1F1B, the only order that {WHO} runs"
        yield Refusal("MMP731", subject, reason, place)


def _storage(reading: Reading) -> Iterator[Refusal]:
    storage, axes = reading.storage, reading.axes
    name = f"{reading.decoder.layers[0].name}.attn.q"
    parameter = reading.saved.plan.wiring.operators[name].inputs[1].tensor
    place = ("parameters", parameter, "levels")
    if storage.level and storage.axes != axes.named("data", "context"):
        reason = f"is stored over part of the data-parallel devices, where {WHO} takes all"
        yield Refusal("MMP732", parameter, reason, place)
    if storage.level > 1 and reading.stages > 1:
        reason = f"is stored at ZeRO level {storage.level}, where {WHO} allows level 1 with stages"
        yield Refusal("MMP732", parameter, reason, place)


def _recompute(reading: Reading) -> Iterator[Refusal]:
    again = reading.saved.plan.recomputed
    for unit in reading.saved.spec.graph.units:
        if again[unit.name]:
            reason = f"runs its forward again, which {WHO} has in the model's code, not in its JSON"
            place = ("operators", unit.operators[0], "recompute")
            yield Refusal("MMP733", unit.name, reason, place)
