"""Cost formulas of operator kinds, bound to one operator's indices.

A kind writes `flops forward 2 * b * s * heads * k`; binding replaces each formal index by the
operator's own ones, so that the formula can be evaluated on the sizes a device really sees.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Constant:
    """A number that depends on no index."""

    value: float

    def evaluate(self, sizes: Mapping[str, float]) -> float:  # noqa: ARG002 - same shape as the others
        """The number itself."""
        return self.value


@dataclass(frozen=True, slots=True)
class Extent:
    """`scale` times the product of the sizes of some indices (elements, or bytes)."""

    indices: tuple[str, ...]
    scale: float = 1.0

    def evaluate(self, sizes: Mapping[str, float]) -> float:
        """The product over the given (local) sizes; KeyError for an unknown index."""
        return self.scale * math.prod(sizes[i] for i in self.indices)


@dataclass(frozen=True, slots=True)
class Operation:
    """`+ - * /`, `min`, `max`, `ceil`, `floor` over sub-formulas."""

    operator: str
    arguments: tuple[Formula, ...]

    def evaluate(self, sizes: Mapping[str, float]) -> float:
        """The value over the given (local) sizes; ZeroDivisionError as in arithmetic."""
        values = [a.evaluate(sizes) for a in self.arguments]
        match self.operator:
            case "+":
                return math.fsum(values)
            case "-":
                return values[0] - values[1] if len(values) == 2 else -values[0]
            case "*":
                return math.prod(values)
            case "/":
                return values[0] / values[1]
            case "min":
                return min(values)
            case "max":
                return max(values)
            case "ceil":
                return float(math.ceil(values[0]))
            case "floor":
                return float(math.floor(values[0]))
            case _:
                raise ValueError(f"unknown formula operator {self.operator!r}")


Formula = Constant | Extent | Operation
