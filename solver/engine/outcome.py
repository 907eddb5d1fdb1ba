"""What solving a `Problem` gives."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from solver.engine.problem import Selection

CLOSED = 1e-9
"""A relative gap that counts as none: sums of floats differ by as much."""


@dataclass(frozen=True, slots=True, eq=False)
class Outcome:
    """The best selection found (None: none), its value (infinity: none), and a lower bound on the
    value of every selection (infinity: proven infeasible)."""

    selection: Selection | None
    value: float
    bound: float

    @property
    def is_infeasible(self) -> bool:
        """Whether it is proven that no selection is feasible."""
        return self.selection is None and self.bound == math.inf

    @property
    def gap(self) -> float:
        """Relative distance of value and bound (infinity without a selection)."""
        if self.selection is None:
            return math.inf
        return max(0.0, self.value - self.bound) / max(abs(self.value), 1e-300)

    @property
    def is_closed(self) -> bool:
        """Whether nothing better is left to be found, up to rounding."""
        return self.is_infeasible or self.gap <= CLOSED


Report = Callable[[Outcome], None]
"""Called with every better selection or bound while a solve runs."""
