"""What every reduction of a `Problem` is: a smaller problem, and the way back.

The contract of a pass:

- The least value of the reduced problem is the least value of the given one (constant included),
  and the reduced one is infeasible exactly when the given one is.
- For every feasible selection of the reduced problem, `restore` gives a feasible selection of the
  given problem, of no larger value.
- The given problem is never changed; arrays may be shared between the two.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from solver.engine.problem import Problem, Selection

Restore = Callable[[Selection], Selection]
"""From a selection of the reduced problem to one of the given problem."""


@dataclass(frozen=True, slots=True, eq=False)
class Step:
    """A reduced problem and the way back from its selections."""

    problem: Problem
    restore: Restore


Pass = Callable[[Problem], Step | None]
"""One reduction; None when there is nothing to do. May raise `Infeasible`."""


class Infeasible(Exception):  # noqa: N818 - a proven answer, not an error
    """A pass has proved that no selection is feasible; the text says which names show it."""
