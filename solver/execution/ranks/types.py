"""Types of tensors by their bytes per element."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from solver.execution.ranks.machine import Machine

if TYPE_CHECKING:
    import torch


class NoTypeError(ValueError):
    """No type of PyTorch has so many bytes."""


@dataclass(frozen=True, slots=True)
class Types:
    """Of the right size where only sizes count; 8 bytes where values do."""

    machine: Machine

    def of(self, element_bytes: float) -> torch.dtype:
        """The type of numbers. Raises NoTypeError."""
        import torch

        if self.machine.wide is not None:
            return self.machine.wide
        known = {2.0: torch.bfloat16, 4.0: torch.float32, 8.0: torch.float64}
        if element_bytes not in known:
            raise NoTypeError(
                f"no type of PyTorch computes with {element_bytes:g} bytes an element"
            )
        return known[element_bytes]

    def integers(self, element_bytes: float) -> torch.dtype:
        """The type of token numbers and the like. Raises NoTypeError."""
        import torch

        known = {1.0: torch.int8, 2.0: torch.int16, 4.0: torch.int32, 8.0: torch.int64}
        if element_bytes not in known:
            raise NoTypeError(f"no integer type of PyTorch has {element_bytes:g} bytes")
        return known[element_bytes]
