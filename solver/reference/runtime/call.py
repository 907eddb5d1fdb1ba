"""One run of an operator: its local operands, and what it may ask about its indices."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from solver.reference.runtime.layouts import own_numbers
from solver.reference.runtime.program import WHOLE, Operator, partial
from solver.reference.runtime.wires import Wires


@dataclass(frozen=True, slots=True)
class Call:
    """One run of an operator on a device: its local operands, in its layouts."""

    operator: Operator
    inputs: tuple[torch.Tensor, ...]
    wires: Wires

    def names(self, operand: int) -> tuple[str, ...]:
        """The indices of an operand."""
        return self.operator.reads[operand].indices

    @property
    def result(self) -> tuple[str, ...]:
        """The indices of the result."""
        return self.operator.writes[0].indices

    def numbers(self, index: str) -> torch.Tensor:
        """Which elements of an index this device has, ascending."""
        layout = tuple(0 if index in names else WHOLE for names in self.operator.cuts)
        dim = self.operator.indices[index]
        return own_numbers(dim, layout, self.wires, self.inputs[0].device)

    def is_cut(self, index: str) -> bool:
        """Whether some axis cuts the index here."""
        return any(index in names for names in self.operator.cuts)

    def spread(self, operand: int, over: Sequence[str]) -> torch.Tensor:
        """An operand with its dimensions in the order of these indices, 1 where it lacks one."""
        names = self.names(operand)
        x = self.inputs[operand].permute([names.index(name) for name in over if name in names])
        for at, name in enumerate(over):
            if name not in names:
                x = x.unsqueeze(at)
        return x

    def once(self, x: torch.Tensor) -> torch.Tensor:
        """A summand that must count once: on the first of the devices that hold summands."""
        for axis in partial(self.operator.writes[0].layout):
            x = self.wires.mask(x, axis)
        return x
