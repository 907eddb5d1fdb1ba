"""Pins on the order of pipeline operators: `order forward 3 of stage 0 before ...`."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from dsl import spec, syntax
from dsl.diagnostic import Label
from dsl.resolve.expressions import integer
from dsl.resolve.report import RejectedError, Reporter
from dsl.resolve.values import Names
from dsl.span import Span
from dsl.suggest import did_you_mean

PHASES: dict[str, Literal["F", "B", "W"]] = {"forward": "F", "input_grad": "B", "weight_grad": "W"}
"""What a stage runs for every micro-batch, by the names that measured operators give it."""


@dataclass(frozen=True, slots=True)
class Room:
    """The most stages, chunks per stage and micro-batches that plans of a spec can have;
    `single_stage` is where the spec asks for one stage."""

    stages: int
    chunks: int
    microbatches: int
    single_stage: Span | None


def room(mesh: spec.Mesh, train: spec.Train, graph: spec.Graph) -> Room:
    """How much room a spec leaves. Stages hold at least a unit and a device each; the number of
    micro-batches divides every batch index."""
    pipeline = train.pipeline
    stages = min(mesh.devices, len(graph.units), pipeline.high or mesh.devices)
    chunks = pipeline.most_chunks if stages > 1 else 1
    single = pipeline.span if pipeline.high == 1 else None
    return Room(stages, chunks, _most_microbatches(train, graph), single)


def _most_microbatches(train: spec.Train, graph: spec.Graph) -> int:
    low, high = train.microbatches or (1, None)
    sizes = {i.size for o in graph.operators for i in o.indices if i.batch}
    sizes |= {i.size for t in graph.tensors.values() for i in t.dims if i.batch}
    if not sizes:
        return high or low
    common = math.gcd(*sizes)
    pairs = ((k, common // k) for k in range(1, math.isqrt(common) + 1) if common % k == 0)
    return max((d for pair in pairs for d in pair if high is None or d <= high), default=low)


def runs_before(
    item: syntax.Order, room: Room, names: Names, report: Reporter
) -> tuple[spec.RunsBefore]:
    """What an order asks for, as the one requirement of a pin; both places are looked at before
    RejectedError.

    Errors: MMP416 (no such stage), MMP420 (no such phase, micro-batch or chunk, or no pipeline),
    MMP421 (an order that no schedule can have).
    """
    if room.stages == 1:
        labels = () if room.single_stage is None else (Label(room.single_stage, "one stage"),)
        raise report.error("MMP420", "there is no pipeline to order", item.span, *labels)
    places = []
    for written in (item.before, item.after):
        try:
            places.append(_place(written, room, names, report))
        except RejectedError:
            continue
    if len(places) < 2:
        raise RejectedError("order")
    before, after = places
    _check_possible(item, before, after, report)
    return (spec.RunsBefore(before, after),)


def _place(
    item: syntax.OperatorPlace, room: Room, names: Names, report: Reporter
) -> spec.PipelineOperator:
    phase = PHASES.get(item.phase.text)
    if phase is None:
        hint = did_you_mean(item.phase.text, PHASES) or "known are " + ", ".join(PHASES)
        message = f"unknown phase `{item.phase.text}`"
        raise report.error("MMP420", message, item.phase.span, hint=hint)
    microbatch = integer(item.microbatch, names, report, 0, "a micro-batch")
    stage = integer(item.stage, names, report, 0, "a stage")
    if stage >= room.stages:
        message = f"there are at most {room.stages} stages, 0 to {room.stages - 1}"
        raise report.error("MMP416", message, item.stage.span)
    if microbatch >= room.microbatches:
        at_most = "are at most" if room.microbatches > 1 else "is only"
        message = f"there {at_most} {_count(room.microbatches, 'micro-batch', 'es')}"
        raise _no_number(message, room.microbatches, item.microbatch.span, report)
    return spec.PipelineOperator(phase, microbatch, stage, _chunk(item, room, names, report))


def _chunk(item: syntax.OperatorPlace, room: Room, names: Names, report: Reporter) -> int:
    if item.chunk is None:
        if room.chunks == 1:
            return 0
        message = f"which of the {room.chunks} chunks of the stage?"
        hint = f"write `chunk 0` to `chunk {room.chunks - 1}` behind the stage"
        raise report.error("MMP420", message, item.span, hint=hint)
    chunk = integer(item.chunk, names, report, 0, "a chunk")
    if chunk >= room.chunks:
        message = f"a stage has {_count(room.chunks, 'chunk', 's')}"
        raise _no_number(message, room.chunks, item.chunk.span, report)
    return chunk


def _count(number: int, noun: str, plural: str) -> str:
    return f"{number} {noun}{plural if number > 1 else ''}"


def _no_number(message: str, count: int, span: Span, report: Reporter) -> RejectedError:
    hint = f"they are numbered 0 to {count - 1}" if count > 1 else "it has the number 0"
    return report.error("MMP420", message, span, hint=hint)


def _check_possible(
    item: syntax.Order,
    before: spec.PipelineOperator,
    after: spec.PipelineOperator,
    report: Reporter,
) -> None:
    """MMP421 where the first operator cannot run before the second in any schedule: in a chunk each
    phase takes the micro-batches in turn, and each micro-batch its phases."""
    if (before.stage, before.chunk) != (after.stage, after.chunk):
        return
    late, early = "FBW".index(before.phase), "FBW".index(after.phase)
    if late < early or before.microbatch < after.microbatch:
        return
    label = Label(item.after.span, "before this")
    if before == after:
        message, hint = "an operator cannot run before itself", ""
    elif before.microbatch == after.microbatch:
        message = "the phases of a micro-batch run the other way round"
        hint = "first `forward`, then `input_grad`, then `weight_grad`"
    else:
        message = "the other one always runs first"
        hint = "micro-batches are numbered as they run, so each phase takes them in this order"
    raise report.error("MMP421", message, item.before.span, label, hint=hint)
