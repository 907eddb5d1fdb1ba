"""The pipeline as torchtitan has it: names of modules per chunk, the order of every rank."""

from __future__ import annotations

from solver.execution.orders import pipeline
from solver.export.saved import SavedPlan
from solver.export.transformer.decoder import Decoder

_LAST = ("norm", "lm_head")
"""The modules of the norm and the head; the loss is no module."""


def modules(saved: SavedPlan, decoder: Decoder) -> list[list[str]]:
    """The modules of every chunk, in the order of the model."""
    plan = saved.plan
    names = {decoder.first[0].name: "tok_embeddings"}
    names |= {unit.name: f"layers.{number}" for number, unit in enumerate(decoder.layers)}
    names |= {unit.name: name for unit, name in zip(decoder.last, _LAST, strict=False)}
    return [
        [names[unit.name] for unit in plan.units_in(chunk) if unit.name in names]
        for chunk in range(len(plan.places))
    ]


def schedule_csv(saved: SavedPlan) -> str:
    """The file that `_PipelineScheduleRuntime` loads with `format="compute_only"`: a row per rank,
    a cell per operator, `2I5` being the input gradient of micro-batch 5 in chunk 2."""
    order = pipeline(saved)
    rows = []
    for row in order.orders:
        cells = []
        for operator in row:
            letter = {"F": "F", "W": "W"}.get(operator.phase, "I")
            if operator.phase == "B" and order.fused[operator.chunk]:
                letter = "B"
            cells.append(f"{operator.chunk}{letter}{operator.microbatch}")
        rows.append(",".join(cells))
    return "".join(f"{row}\n" for row in rows)


def built_in_name(saved: SavedPlan) -> str:
    """A schedule of torchtitan's whose map of chunks to ranks is the plan's; the order itself is
    that of the file."""
    places = saved.plan.places
    if len(places) == saved.plan.stages:
        return "1F1B"
    return "ZBVZeroBubble" if saved.spec.train.pipeline.placement == "v" else "Interleaved1F1B"
