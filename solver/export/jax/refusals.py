"""What PartitionSpecs cannot say."""

from __future__ import annotations

import math
from collections.abc import Iterator

from solver.export.named_axes import parameter_axes
from solver.export.refusals import Refusal
from solver.export.saved import SavedPlan
from solver.verify.layouts import PARTIAL
from solver.verify.plan import Plan
from solver.verify.wiring import Write

FIELDS = ("used", "stored", "gradients_stored", "optimizer_stored")
"""The layouts of a parameter in the plan document."""


def refusals(saved: SavedPlan) -> Iterator[Refusal]:
    """Everything in the plan that the export cannot hold."""
    yield from _measured(saved)
    yield from _uneven(saved)
    yield from _partial_messages(saved.plan)


def _measured(saved: SavedPlan) -> Iterator[Refusal]:
    for operator in saved.spec.graph.operators:
        if operator.variants:
            reason = "is a measured operator; JAX needs tensors with indices to cut"
            yield Refusal("MMP734", operator.name, reason, ("operators", operator.name))


def _uneven(saved: SavedPlan) -> Iterator[Refusal]:
    """An array has pieces of one size."""
    sizes = {part.name: part.size for part in saved.plan.frame.parts}
    for name in saved.document["parameters"]:
        dims = saved.spec.graph.tensors[name].dims
        for field in FIELDS:
            for dim, parts in zip(dims, parameter_axes(saved, name, field), strict=True):
                pieces = math.prod(sizes[part] for part in parts)
                if dim.size % pieces:
                    words = "is stored" if field != "used" else "is used"
                    reason = f"{words} in {pieces} pieces along `{dim.name}`, which has {dim.size}"
                    reason += "; arrays of JAX have pieces of one size"
                    yield Refusal("MMP732", name, reason, ("parameters", name, field))


def _partial_messages(plan: Plan) -> Iterator[Refusal]:
    """What is sent between chunks is an array, and arrays hold whole sums."""
    for name, write in plan.wiring.producers.items():
        readers = plan.wiring.readers.get(name, ())
        here = plan.virtual_stage_of[write.operator.unit]
        if all(plan.virtual_stage_of[read.operator.unit] == here for read in readers):
            continue
        if PARTIAL in plan.produced(Write(write.operator, write.use)):
            reason = "sends partial sums to another chunk; arrays of JAX hold whole sums"
            place = ("operators", write.operator.name, "cuts")
            yield Refusal("MMP730", write.operator.name, reason, place)
