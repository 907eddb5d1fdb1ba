"""What torchtitan cannot do beside cuts."""

from __future__ import annotations

from collections.abc import Iterator

from solver.execution.orders import pipeline
from solver.execution.static import schedule_violations
from solver.export.refusals import Refusal
from solver.export.transformer.order import PLACE
from solver.export.transformer.ranks import Numbering, positions, rank_refusals
from solver.export.transformer.reading import Reading

WHO = "torchtitan"
NUMBERING = Numbering(("stages", "replicate", "shard", "context", "tensor"))


def roles(reading: Reading) -> dict[str, str]:
    """The roles of sub-axes, data parallelism being `shard` where FSDP stores over it."""
    stored = reading.storage.axes if reading.storage.level else ()
    found: dict[str, str] = {}
    for name, role in reading.axes.roles.items():
        found[name] = ("shard" if name in stored else "replicate") if role == "data" else role
    return found


def refusals(reading: Reading) -> Iterator[Refusal]:
    """Everything in the plan that a config cannot say."""
    yield from _model(reading)
    yield from _ends(reading)
    yield from _order(reading)
    yield from _storage(reading)
    yield from _recompute(reading)
    plan = reading.saved.plan
    yield from rank_refusals(plan, positions(plan, NUMBERING, roles(reading), {}), WHO)


def _model(reading: Reading) -> Iterator[Refusal]:
    """Llama's layers: gated feed-forward, RMSNorm, rotary positions, no bias."""
    for operator in reading.decoder.spec.graph.operators:
        short = operator.name.rpartition(".")[2]
        unlike = ".moe." in operator.name or operator.kind in (
            "linear",
            "layer_norm",
            "gelu",
            "position_add",
        )
        if unlike or short in ("q_norm", "key_norm"):
            reason = f"is an operator that {WHO}'s Llama decoder does not have"
            yield Refusal("MMP734", operator.name, reason, ("operators", operator.name))
    if not reading.decoder.has(0, "attn.q_rotated"):
        name = f"{reading.decoder.layers[0].name}.attn.q"
        reason = f"is not rotated, as {WHO}'s Llama decoder has it"
        yield Refusal("MMP734", name, reason, ("operators", name))
    heads = reading.size("g", "attn.q") * reading.size("r", "attn.q")
    if heads * reading.size("k", "attn.q") != reading.size("d"):
        name = f"{reading.decoder.layers[0].name}.attn.q"
        reason = f"has heads of another size than {WHO}'s Llama decoder, which divides the stream"
        yield Refusal("MMP734", name, reason, ("operators", name))
    operators = reading.saved.plan.wiring.operators
    first, head_unit = reading.decoder.first[0], reading.decoder.last[1]
    table, head = operators[first.operators[0]], operators[head_unit.operators[0]]
    if reading.stages > 1 and table.inputs[1].tensor == head.inputs[1].tensor:
        reason = f"shares its parameter with another chunk, which {WHO} does not"
        yield Refusal("MMP734", head.name, reason, ("operators", head.name))


def _ends(reading: Reading) -> Iterator[Refusal]:
    """The embedding in the first chunk, head and loss in the last."""
    plan = reading.saved.plan
    last = len(plan.places) - 1
    wanted = [(reading.decoder.first[0], 0, "first")]
    wanted += [(unit, last, "last") for unit in reading.decoder.last[1:]]
    for unit, chunk, word in wanted:
        if plan.virtual_stage_of[unit.name] != chunk:
            reason = f"is not in the {word} chunk, where {WHO} has it"
            place = ("operators", unit.operators[0], "stage")
            yield Refusal("MMP735", unit.name, reason, place)


def _order(reading: Reading) -> Iterator[Refusal]:
    if reading.stages == 1:
        if reading.order != "accumulation":
            reason = f"does not finish a micro-batch before the next, as {WHO} does without stages"
            yield Refusal("MMP731", "pipeline.schedule", reason, PLACE)
        return
    for violation in schedule_violations(pipeline(reading.saved)):
        reason = f"cannot run in the runtime of PyTorch: {violation.message}"
        yield Refusal("MMP731", "pipeline.schedule", reason, PLACE)


def _storage(reading: Reading) -> Iterator[Refusal]:
    storage, axes = reading.storage, reading.axes
    name = f"{reading.decoder.layers[0].name}.attn.q"
    parameter = reading.saved.plan.wiring.operators[name].inputs[1].tensor
    place = ("parameters", parameter, "levels")
    if storage.level in (1, 2):
        what = "its optimizer state" if storage.level == 1 else "its optimizer state and gradient"
        reason = f"has only {what} cut, where {WHO} cuts parameters, gradients and state together"
        yield Refusal("MMP732", parameter, reason, place)
    elif storage.level and reading.stages > 1:
        reason = f"is cut in storage, where {WHO} keeps whole parameters and gradients of a stage "
        reason += "while it runs micro-batches"
        yield Refusal("MMP732", parameter, reason, place)
    if any(part not in storage.axes for part in axes.named("context")):
        reason = f"is whole over the context axes, where {WHO} stores parameters cut over them"
        yield Refusal("MMP732", parameter, reason, place)
    if axes.context == "by_heads":
        reason = f"is cut by heads over context axes, where {WHO} gathers keys and values"
        core = f"{reading.decoder.layers[0].name}.attn.o"
        yield Refusal("MMP730", core, reason, ("operators", core, "cuts"))


def _recompute(reading: Reading) -> Iterator[Refusal]:
    """All layers, or none; nothing around them."""
    again = reading.saved.plan.recomputed
    layers = [unit.name for unit in reading.decoder.layers]
    wanted = {name: again[layers[0]] if name in layers else False for name in again}
    for unit in reading.saved.spec.graph.units:
        if again[unit.name] != wanted[unit.name]:
            does = "runs its forward again" if again[unit.name] else "keeps its activations"
            reason = f"{does}, where {WHO} recomputes all layers, or none, and nothing else"
            place = ("operators", unit.operators[0], "recompute")
            yield Refusal("MMP733", unit.name, reason, place)
