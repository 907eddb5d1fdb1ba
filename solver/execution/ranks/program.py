"""A plan on some ranks: the arithmetic of its operators, its layouts, its parameters."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from dsl.spec import Operator, Unit
from solver.execution.ranks import kernels, kernels_experts, kernels_sequences
from solver.execution.ranks.collectives import Line, Why
from solver.execution.ranks.digits import Digits
from solver.execution.ranks.moves import Movement
from solver.execution.ranks.piece import Kernel, Piece
from solver.execution.ranks.weights import Weights
from solver.verify.figures import Phase
from solver.verify.layouts import Layout
from solver.verify.plan import Plan

if TYPE_CHECKING:
    from torch import Tensor

KERNELS: dict[str, Kernel] = {
    **kernels.KERNELS,
    **kernels_sequences.KERNELS,
    **kernels_experts.KERNELS,
}

Watch = Callable[[str, Operator, str, "Tensor", Layout], None]
"""Called with ("read" | "made" | "gradient", operator, tensor, piece, layout)."""


@dataclass(slots=True)
class Program:
    """The plan on some ranks. `inputs` gives a model input in a layout, `ones` the gradient of an
    output in one."""

    plan: Plan
    line: Line
    digits: Digits
    weights: Weights
    inputs: Callable[[str, Layout, int], Tensor]
    ones: Callable[[str, Layout], Tensor]
    watch: Watch | None = None
    late: dict[str, Tensor] = field(default_factory=dict)

    @property
    def movement(self) -> Movement:
        """How tensors change their layout."""
        return Movement(self.line, self.digits, self.plan.frame.parts)

    def piece(self, operator: Operator) -> Piece:
        """An operator's place."""
        sharding = self.plan.shardings[operator.name]
        return Piece(operator, sharding, self.plan.frame, self.line, self.digits, self.late)

    def move(self, why: Why, tensor: Tensor, before: Layout, after: Layout) -> Tensor:
        """A tensor in another layout."""
        name = why.tensor or ""
        dims = range(len(self.plan.spec.graph.tensors[name].dims))
        with self.line.purpose(why):
            return self.movement.move(
                [self.digits.of(name, at) for at in dims], tensor, before, after
            )

    def seen(self, what: str, operator: Operator, name: str, piece: Tensor, layout: Layout) -> None:
        """Tell the watcher."""
        if self.watch is not None:
            self.watch(what, operator, name, piece, layout)


def gather(program: Program, unit: Unit, phase: Phase) -> None:
    """Gather the parameters of a unit, which a runtime does for all of them together."""
    for operator in program.plan.operators_of(unit):
        for use in operator.inputs:
            if program.plan.spec.graph.tensors[use.tensor].role == "parameter":
                program.weights.gather(use.tensor, phase)


def release(program: Program, unit: Unit) -> None:
    """Drop the parameters of a unit that nothing else reads."""
    readers = program.plan.wiring.readers
    names = {use.tensor for op in program.plan.operators_of(unit) for use in op.inputs}
    program.weights.release([n for n in names if len(readers[n]) == 1])
