"""Where the readers of a tensor take it from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from solver.reference.runtime.layouts import move_tensor
from solver.reference.runtime.program import (
    PARTIAL,
    WHOLE,
    Dim,
    Layout,
    Operator,
    Port,
    Program,
    Unit,
)
from solver.reference.runtime.wires import Wires


@dataclass(frozen=True, slots=True)
class Source:
    """A tensor where readers take it from: its layout there, and the layout in which gradients go
    back (None: none do)."""

    dims: Sequence[Dim]
    layout: Layout
    gradient: Layout | None

    def read(self, x: torch.Tensor, port: Port, wires: Wires) -> torch.Tensor:
        """The tensor as an operator reads it."""
        return self.bring(x, port.layout, port.gradient, wires)

    def bring(
        self, x: torch.Tensor, layout: Layout, gradient: Layout | None, wires: Wires
    ) -> torch.Tensor:
        """The tensor in another layout; gradients come back in the layout `gradient`."""
        back = None
        if self.gradient is not None and gradient is not None:
            back = (gradient, self.gradient)
        return move_tensor(x, self.dims, (self.layout, layout), back, wires)


class Sources:
    """The sources of all tensors of a program."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self._written = {p.tensor: p for o in program.operators.values() for p in o.writes}
        self._readers: dict[str, set[str]] = {}
        for operator in program.operators.values():
            for port in operator.reads:
                self._readers.setdefault(port.tensor, set()).add(operator.name)

    def made(self, name: str) -> Source:
        """A tensor as its producer leaves it, or as a model input arrives: whole."""
        value = self.program.values[name]
        if value.is_input:
            return Source(value.dims, (WHOLE,) * len(self.program.axes), None)
        port = self._written[name]
        return Source(value.dims, port.layout, port.gradient)

    def of(self, name: str) -> Source:
        """Where an operator reads a tensor or a parameter."""
        if name in self.program.weights:
            return self._weight(name)
        made, shared = self.made(name), self.program.shared.get(name)
        if shared is None:
            return made
        back = None if made.gradient is None else shared.gradient
        return Source(made.dims, shared.layout, back)

    def interface(self, unit: Unit) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """The tensors that a unit takes from others, and those that it leaves to others."""
        operators: list[Operator] = [self.program.operators[name] for name in unit.operators]
        made = dict.fromkeys(port.tensor for operator in operators for port in operator.writes)
        reads = dict.fromkeys(
            port.tensor
            for operator in operators
            for port in operator.reads
            if port.tensor not in made and port.tensor in self.program.values
        )
        inside = set(unit.operators)
        leaves = (
            name
            for name in made
            if name in self.program.outputs or self._readers.get(name, set()) - inside
        )
        return tuple(reads), tuple(leaves)

    def _weight(self, name: str) -> Source:
        """In the layout `used`, and its gradients as summands of it."""
        weight = self.program.weights[name]
        back = tuple(
            PARTIAL if axis in weight.summed and at == WHOLE else at
            for axis, at in enumerate(weight.used)
        )
        return Source(weight.dims, weight.used, back if weight.trained else None)
