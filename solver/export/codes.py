"""The diagnostic codes of exports, `MMP73x`: what a target cannot express, by subject."""

from __future__ import annotations

from dsl.codes import Code

CODES: tuple[Code, ...] = (
    Code(
        "MMP730",
        "cuts beyond the target",
        "The target has no way to cut this operator or tensor as the plan does. Pin other cuts, or "
        "export to a target that places every operator, such as `torch`.",
    ),
    Code(
        "MMP731",
        "schedule beyond the target",
        "The target cannot run operators in this order, or with this map of chunks to stages.",
    ),
    Code(
        "MMP732",
        "storage beyond the target",
        "The target cannot store this parameter, its gradient or its optimizer state as the plan "
        "does.",
    ),
    Code(
        "MMP733",
        "recomputation beyond the target",
        "The target cannot recompute exactly these layers.",
    ),
    Code(
        "MMP734",
        "operator beyond the target",
        "The target has no such operator. A measured operator has times and bytes, but no "
        "arithmetic that could run.",
    ),
    Code(
        "MMP735",
        "mesh or stages beyond the target",
        "The target cannot place these stages, or these layers on them.",
    ),
    Code(
        "MMP736",
        "operators without arithmetic",
        "A measured operator has times and bytes only. The export runs, with something small in "
        "its place; put your own layer there.",
    ),
)
"""Exports, in order."""
