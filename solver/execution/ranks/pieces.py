"""Tensors without values: pieces of what a plan names, in a layout."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from solver.execution.ranks.types import Types
from solver.verify.layouts import Layout
from solver.verify.plan import Plan

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True, slots=True)
class Pieces:
    """Makes pieces of tensors of a plan."""

    plan: Plan
    types: Types

    def shape(self, name: str, layout: Layout) -> tuple[int, ...]:
        """The sizes of a rank's piece."""
        sizes = [self.plan.frame.size(dim) for dim in self.plan.spec.graph.tensors[name].dims]
        for part, at in zip(self.plan.frame.parts, layout, strict=True):
            if at >= 0:
                sizes[at] //= part.size
        return tuple(sizes)

    def blank(self, name: str, layout: Layout) -> Tensor:
        """A piece of an input or value."""
        import torch

        tensor = self.plan.spec.graph.tensors[name]
        if name in self.numbers:
            dtype = self.types.integers(tensor.element_bytes)
        else:
            dtype = self.types.of(tensor.element_bytes)
        return torch.empty(self.shape(name, layout), dtype=dtype)

    def parameter(self, name: str, layout: Layout) -> Tensor:
        """A piece of a parameter."""
        import torch

        dtype = self.types.of(self.plan.spec.train.precision.parameter_bytes)
        return torch.empty(self.shape(name, layout), dtype=dtype)

    @property
    def numbers(self) -> frozenset[str]:
        """Inputs that are numbers of rows: tokens of an embedding, targets of a loss."""
        return frozenset(
            use.tensor
            for op in self.plan.spec.graph.operators
            for at, use in enumerate(op.inputs)
            if (op.kind, at) in (("embed", 0), ("cross_entropy", 1))
        )
