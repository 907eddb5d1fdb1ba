"""A plan for JAX: a mesh per stage and a PartitionSpec for every tensor of every operator.

The compiler follows constraints, so any cut that the language has can be written. What it needs
beside them, stages and their order, is listed for the program that dispatches.
"""

from __future__ import annotations

from solver.export.jax.refusals import refusals
from solver.export.jax.text import module
from solver.export.refusals import refuse
from solver.export.saved import SavedPlan
from solver.export.targets import Files


def export(saved: SavedPlan) -> Files:
    """`shardings.py`. Raises DiagnosticError for arrays that do not divide and for measured
    operators."""
    refuse(saved, refusals(saved))
    return {"shardings.py": module(saved)}
