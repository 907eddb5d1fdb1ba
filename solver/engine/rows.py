"""Writes CP-SAT models row by row straight into their protocol message.

`CpModel`'s own calls cost about 6 microseconds per coefficient; these cost 0.2, which decides how
many neighbourhoods a search can solve. A literal is the number of a 0-1 variable, or `negated(x)`.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from solver.engine.problem import Floats, Labels


def negated(literal: int) -> int:
    """The literal that holds when this one does not."""
    return -literal - 1


class Rows:
    """A CP-SAT model under construction: variables, rows, an objective of least cost."""

    def __init__(self) -> None:
        from ortools.sat.python import cp_model, cp_model_helper

        self.model = cp_model.CpModel()
        self._proto = self.model.proto
        self._boolean = cp_model_helper.IntegerVariableProto()
        self._boolean.domain.extend([0, 1])
        self.count = 0

    def booleans(self, count: int) -> Labels:
        """The numbers of so many new 0-1 variables, [count]."""
        self._proto.variables.extend([self._boolean] * count)
        self.count += count
        return np.arange(self.count - count, self.count, dtype=np.intp)

    def integer(self, low: int, high: int) -> int:
        """The number of a new integer variable."""
        self._proto.variables.add().domain.extend([low, high])
        self.count += 1
        return self.count - 1

    def exactly_one(self, literals: Sequence[int]) -> None:
        """Exactly one of the literals holds."""
        self._proto.constraints.add().exactly_one.literals.extend(literals)

    def at_most_one(self, literals: Sequence[int]) -> None:
        """At most one of the literals holds."""
        self._proto.constraints.add().at_most_one.literals.extend(literals)

    def any_of(self, literals: Sequence[int]) -> None:
        """At least one of the literals holds."""
        self._proto.constraints.add().bool_or.literals.extend(literals)

    def linear(
        self,
        variables: Sequence[int],
        coefficients: Sequence[int],
        low: int,
        high: int,
        when: int | None = None,
    ) -> None:
        """low <= coefficients * variables <= high (when the literal `when` holds)."""
        row = self._proto.constraints.add()
        if when is not None:
            row.enforcement_literal.append(when)
        row.linear.vars.extend(variables)
        row.linear.coeffs.extend(coefficients)
        row.linear.domain.extend([low, high])

    def minimize(self, costs: Floats, most: int | None) -> None:
        """Minimise the sum of costs ([variable], integers), which is at most `most`.

        Without costs the model gets no objective, which cores of assumptions depend on.
        """
        used = np.flatnonzero(costs)
        if not used.size:
            return
        objective = self._proto.objective
        objective.vars.extend(used.tolist())
        objective.coeffs.extend(costs[used].astype(np.int64).tolist())
        if most is not None:
            objective.domain.extend([-LARGE, most])

    def hint(self, values: Sequence[int]) -> None:
        """Values of all variables to try first, [variable]."""
        self._proto.solution_hint.vars.extend(range(self.count))
        self._proto.solution_hint.values.extend(values)

    def assume(self, literals: Sequence[int]) -> None:
        """Literals that hold, of which an infeasible model names the ones to blame."""
        self._proto.assumptions.extend(literals)


LARGE = 1 << 60
"""No sum in a model exceeds this."""
