"""Values for a run at tiny sizes, and the pieces of them that ranks hold."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from dsl.spec import SubAxis
from solver.execution.ranks.digits import Digits
from solver.execution.ranks.machine import Coordinates, row_of
from solver.verify.layouts import Layout, product
from solver.verify.plan import Plan

if TYPE_CHECKING:
    from torch import Tensor


def initial(plan: Plan, microbatches: int) -> list[dict[str, Tensor]]:
    """Inputs and parameters of every micro-batch (parameters are the same in all), from a fixed
    seed: numbers of rows for embeddings and losses, else normal ones."""
    import torch

    source = torch.Generator().manual_seed(0)
    ranges = _ranges(plan)
    fixed: dict[str, Tensor] = {}
    for name in plan.wiring.parameters:
        shape = _shape(plan, name)
        spread = 1.0 if len(shape) == 1 else max(1, math.prod(shape) // max(shape)) ** -0.5
        fixed[name] = torch.randn(shape, generator=source, dtype=torch.float64) * spread
    found = []
    for _ in range(microbatches):
        values = dict(fixed)
        for name, tensor in plan.spec.graph.tensors.items():
            if tensor.role != "input":
                continue
            shape = _shape(plan, name)
            if name in ranges:
                values[name] = torch.randint(ranges[name], shape, generator=source)
            else:
                values[name] = torch.randn(shape, generator=source, dtype=torch.float64)
        found.append(values)
    return found


def slice_of(
    plan: Plan, digits: Digits, name: str, layout: Layout, at: Coordinates, full: Tensor
) -> Tensor:
    """The piece of a whole tensor that a layout gives a rank (all of it where it says summands)."""
    import torch

    piece = full
    for dimension in range(full.dim()):
        parts = [
            part.name
            for part, state in zip(plan.frame.parts, layout, strict=True)
            if state == dimension
        ]
        if parts:
            rows = digits.rows(digits.of(name, dimension), parts, at)
            piece = piece.index_select(dimension, torch.tensor(rows))
    return piece


def rows_of(flat: Tensor, parts: Sequence[SubAxis], at: Coordinates) -> Tensor:
    """The piece of a flat tensor that a rank stores, cut by sub-axes in mesh order."""
    return flat.reshape(product(parts), -1)[row_of(at, parts)]


def _shape(plan: Plan, name: str) -> tuple[int, ...]:
    return tuple(plan.frame.size(dim) for dim in plan.spec.graph.tensors[name].dims)


def _ranges(plan: Plan) -> dict[str, int]:
    """Below what the numbers in an input stay: rows of its table, words of its loss."""
    found: dict[str, int] = {}
    for operator in plan.spec.graph.operators:
        sizes = {index.name: plan.frame.size(index) for index in operator.indices}
        for kind, number, other, place in (("embed", 0, 1, 0), ("cross_entropy", 1, 0, -1)):
            if operator.kind == kind:
                name = operator.inputs[number].tensor
                limit = sizes[operator.inputs[other].indices[place]]
                found[name] = min(limit, found.get(name, limit))
    return found
