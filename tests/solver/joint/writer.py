"""Linear expressions under conditions, as CP-SAT constraints."""

from __future__ import annotations

from typing import TYPE_CHECKING

from solver.cpsat import Linear

if TYPE_CHECKING:
    from ortools.sat.python import cp_model

LATEST = 1 << 44


class Writer:
    """Writes variables and products into a model."""

    def __init__(self, model: cp_model.CpModel) -> None:
        self.model = model

    def literal(self, name: str) -> cp_model.IntVar:
        """A new literal."""
        return self.model.new_bool_var(name)

    def amount(self, name: str) -> cp_model.IntVar:
        """A new amount of ticks or bytes."""
        return self.model.new_int_var(0, LATEST, name)

    def most_of(self, expression: Linear) -> int:
        """An upper bound of a linear expression in literals and amounts."""
        if isinstance(expression, int):
            return max(expression, 0)
        flat = self._terms(expression)
        return max(sum(c * (hi if c > 0 else lo) for c, lo, hi in flat), 0)

    def _terms(self, expression: Linear) -> list[tuple[int, int, int]]:
        from ortools.sat.python import cp_model

        flat = cp_model.FlatIntExpr(expression)
        rows = []
        for variable, coefficient in zip(flat.vars, flat.coeffs, strict=True):
            domain = list(variable.proto.domain)
            rows.append((int(coefficient), int(domain[0]), int(domain[-1])))
        rows.append((int(flat.offset), 1, 1))
        return rows

    def when(self, expression: Linear, literals: list[Linear], name: str) -> Linear:
        """An amount that is at least the expression where all literals are true, else 0."""
        most = self.most_of(expression)
        if most == 0:
            return 0
        amount = self.model.new_int_var(0, most, name)
        missing = sum(1 - literal for literal in literals)
        self.model.add(amount >= expression - most * missing)
        return amount

    def all_of(self, literals: list[Linear], name: str) -> Linear:
        """Whether all literals are true."""
        both = self.literal(name)
        for literal in literals:
            self.model.add(both <= literal)
        self.model.add(both >= sum(literals) - (len(literals) - 1))
        return both

    def any_of(self, literals: list[Linear], name: str) -> Linear:
        """Whether any literal is true."""
        one = self.literal(name)
        for literal in literals:
            self.model.add(one >= literal)
        self.model.add(one <= sum(literals))
        return one
