"""A plan for Megatron-LM: the flags of its parallelism, and those of the model that a spec knows.

Megatron-LM has degrees in place of cuts, one storage of all parameters, and two schedules, 1F1B and
its interleaved form. Ranks count tensor, context, expert and data parallelism from the inside out.
"""

from __future__ import annotations

from solver.export.megatron.model import model_flags, model_refusals
from solver.export.megatron.parallelism import parallelism_flags
from solver.export.megatron.refusals import refusals
from solver.export.refusals import refuse
from solver.export.saved import SavedPlan
from solver.export.targets import Files
from solver.export.transformer.reading import certain, read

WHO = "Megatron-LM"


def export(saved: SavedPlan) -> Files:
    """`parallelism.flags` and `model.flags`, a flag a line with its values. Raises DiagnosticError
    for what Megatron-LM cannot do."""
    reading, found = read(saved, WHO)
    more = [*refusals(reading), *model_refusals(reading)]
    refuse(saved, [*found, *certain(reading, more)])
    return {
        "parallelism.flags": "".join(f"{flag}\n" for flag in parallelism_flags(reading)),
        "model.flags": "".join(f"{flag}\n" for flag in model_flags(reading)),
    }
