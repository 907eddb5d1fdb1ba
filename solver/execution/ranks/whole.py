"""The plan's graph on one device, differentiated by autograd: what all ranks together must make."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from solver.execution.ranks.collectives import Line
from solver.execution.ranks.digits import Digits
from solver.execution.ranks.machine import OneRank
from solver.execution.ranks.piece import Piece
from solver.execution.ranks.program import KERNELS
from solver.verify.layouts import Frame, Sharding
from solver.verify.plan import Plan

if TYPE_CHECKING:
    import torch
    from torch import Tensor


@dataclass(frozen=True, slots=True)
class Whole:
    """Of one micro-batch: every tensor, and the gradients of values and parameters."""

    values: Mapping[str, Tensor]
    gradients: Mapping[str, Tensor]


class _Wide(OneRank):
    """One device on which everything has 8 bytes."""

    def __init__(self) -> None:
        import torch

        super().__init__((), {})
        self.wide: torch.dtype | None = torch.float64


def whole(plan: Plan, digits: Digits, known: Mapping[str, Tensor]) -> Whole:
    """Run the graph from its inputs and parameters."""
    import torch

    sizes = {root: (_product(radices),) for root, radices in digits.radices.items()}
    one = Digits(digits.classes, sizes, {})
    line = Line(_Wide())
    values: dict[str, Tensor] = {
        name: tensor.clone().requires_grad_(tensor.is_floating_point())
        for name, tensor in known.items()
    }
    with torch.enable_grad():
        for operator in plan.spec.graph.operators:
            piece = _piece(plan, operator.name, one, line)
            inputs = tuple(values[use.tensor] for use in operator.inputs)
            values[operator.results[0].tensor] = (
                KERNELS[operator.kind].forward(piece, inputs).result
            )
        total = torch.stack([values[name].sum() for name in plan.spec.graph.outputs]).sum()
        wanted = [name for name, tensor in values.items() if tensor.requires_grad]
        found = torch.autograd.grad(total, [values[n] for n in wanted], allow_unused=True)
    gradients = {
        name: torch.zeros_like(values[name]) if gradient is None else gradient
        for name, gradient in zip(wanted, found, strict=True)
    }
    return Whole({name: tensor.detach() for name, tensor in values.items()}, gradients)


def _piece(plan: Plan, name: str, digits: Digits, line: Line) -> Piece:
    operator = plan.wiring.operators[name]
    sizes = {index.name: float(plan.frame.size(index)) for index in operator.indices}
    frame = Frame((), plan.frame.microbatches)
    return Piece(operator, Sharding((), sizes), frame, line, digits)


def _product(radices: tuple[int, ...]) -> int:
    total = 1
    for radix in radices:
        total *= radix
    return total
