"""The exact CP-SAT model of a `Problem`, one method per family of variables and rows.

Variables: one 0-1 variable per allowed strategy, of which exactly one per node holds (a node with
one strategy left takes the constant true); the cells of edges (`solver.engine.exact_edges`); per
soft pin whether it is broken; per soft resource its overflow. Objective: the sum of their costs in
ticks (`solver.engine.scaling`). Rows: a broken pin's literal holds when a breaking strategy does;
at every point that can bind, uses stay within the capacity (plus the overflow).

With `guarded`, every hard pin and hard resource holds only where its guard, a literal, does.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

import numpy as np

from solver.engine.exact_edges import Side, add_edge
from solver.engine.exact_points import Load, Row, binding_rows
from solver.engine.problem import Bools, EdgeUse, Floats, Labels, Pin, Problem, Selection
from solver.engine.rows import LARGE, Rows, negated
from solver.engine.scaling import Scale, live_labels, unit_of

FORBIDDEN = -1
"""In place of the literal of a strategy that is not allowed."""


@dataclass(slots=True, eq=False)
class ExactModel:
    """The model; `literals` is, per node, [strategy]; `has_costs`: some choice costs something."""

    problem: Problem
    allowed: list[Bools]
    scale: Scale
    guarded: bool = False
    has_costs: bool = False
    rows: Rows = field(default_factory=Rows)
    literals: list[Labels] = field(default_factory=list)
    pin_guards: dict[int, int] = field(default_factory=dict)
    resource_guards: dict[int, int] = field(default_factory=dict)
    _costs: list[tuple[Labels, Floats]] = field(default_factory=list)
    _loads: list[list[Load]] = field(default_factory=list)
    _completions: list[Callable[[Labels], None]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._loads = [[] for _ in self.problem.resources]
        self._add_nodes()
        self._add_edges()
        self.has_costs = any(costs.any() for _, costs in self._costs)
        for number, pin in enumerate(self.problem.pins):
            self._add_pin(number, pin)
        for number in range(len(self.problem.resources)):
            self._add_resource(number)
        self._minimize()

    def selection(self, values: Labels) -> Selection:
        """The strategies that values of the variables ([variable]) choose."""
        chosen = [
            int(np.where(literals == FORBIDDEN, FORBIDDEN, values[literals]).argmax())
            for literals in self.literals
        ]
        return np.array(chosen, dtype=np.intp)

    def hint(self, selection: Selection) -> None:
        """Start from a selection; the values of all other variables are derived from it."""
        values = np.zeros(self.rows.count, dtype=np.intp)
        for literals, k in zip(self.literals, selection.tolist(), strict=True):
            if literals[k] != FORBIDDEN:
                values[literals[k]] = 1
        for complete in self._completions:
            complete(values)
        self.rows.hint(values.tolist())

    # ---- families --------------------------------------------------------------------------

    def _add_nodes(self) -> None:
        true: int | None = None
        for node, allowed in zip(self.problem.nodes, self.allowed, strict=True):
            literals = np.full(node.size, FORBIDDEN, dtype=np.intp)
            count = int(np.count_nonzero(allowed))
            if count == 1:
                true = self.rows.integer(1, 1) if true is None else true
                literals[allowed] = true
            else:
                literals[allowed] = self.rows.booleans(count)
                self.rows.exactly_one(literals[allowed].tolist())
                self._costs.append((literals[allowed], self.scale.ticks(node.costs[allowed])))
            self.literals.append(literals)
        for use in self.problem.node_uses:
            allowed = self.allowed[use.node]
            literals = self.literals[use.node][allowed]
            self._loads[use.resource].append(
                Load(use.start, use.stop, literals, use.amounts[allowed])
            )

    def _side(self, node: int, labels: Labels, live: Bools) -> Side:
        """One end of an edge, its rows numbered among the `live` labels."""
        allowed = self.allowed[node]
        numbers = np.cumsum(live) - 1
        return Side(self.literals[node][allowed], numbers[labels[allowed]])

    def _add_edges(self) -> None:
        uses: defaultdict[int, list[EdgeUse]] = defaultdict(list)
        for use in self.problem.edge_uses:
            uses[use.edge].append(use)
        for number, edge in enumerate(self.problem.edges):
            rows, columns = live_labels(edge, self.allowed)
            table = self.scale.ticks(edge.table[rows][:, columns])
            amounts = [use.amounts[rows][:, columns] for use in uses[number]]
            u = self._side(edge.u, edge.labels_u, rows)
            v = self._side(edge.v, edge.labels_v, columns)
            added = add_edge(self.rows, u, v, table, amounts)
            self._costs += added.costs
            if added.cells is None:
                continue
            self._completions.append(added.cells.complete)
            for use, amount in zip(uses[number], added.amounts, strict=True):
                load = Load(use.start, use.stop, added.cells.literals, amount)
                self._loads[use.resource].append(load)

    def _add_pin(self, number: int, pin: Pin) -> None:
        """A soft pin, or a guarded hard one: where it is not broken, no breaking strategy holds."""
        if pin.is_hard and not self.guarded:
            return  # its breaking strategies are not allowed
        broken = int(self.rows.booleans(1)[0])
        broken_by: list[int] = []
        for node, breaks in pin.breaks.items():
            breaking = self.literals[node][breaks & self.allowed[node]].tolist()
            self.rows.at_most_one([negated(broken), *breaking])
            broken_by += breaking
        if pin.is_hard:
            self.pin_guards[number] = negated(broken)
            return
        self._costs.append((np.array([broken]), np.array([self.scale.weight(pin.weight)])))
        self._completions.append(partial(_complete_pin, broken, broken_by))

    def _add_resource(self, number: int) -> None:
        resource, loads = self.problem.resources[number], self._loads[number]
        if resource.is_hard:
            unit = unit_of([load.amounts for load in loads], resource.capacity)
            loads = [load.rounded(np.ceil, unit) for load in loads]
            rows = list(binding_rows(loads, np.floor(resource.capacity / unit)))
            guard = int(self.rows.booleans(1)[0]) if self.guarded else None
            for row in rows:
                self.rows.linear(row.literals, row.coefficients, -LARGE, row.room, guard)
            if guard is not None:
                self.resource_guards[number] = guard
            return
        if resource.price == 0:
            return
        unit = self.scale.tick / resource.price
        loads = [load.rounded(np.floor, unit) for load in loads]
        self._add_overflow(list(binding_rows(loads, np.ceil(resource.capacity / unit))))

    def _add_overflow(self, rows: list[Row]) -> None:
        """One variable for the largest excess, in ticks."""
        if not rows:
            return
        low = max(0, *(-row.room for row in rows))
        high = max(low, *(row.most - row.room for row in rows))
        over = self.rows.integer(low, high)
        for row in rows:
            self.rows.linear([*row.literals, over], [*row.coefficients, -1], -LARGE, row.room)
        self._costs.append((np.array([over]), np.array([1.0])))
        self._completions.append(partial(_complete_overflow, over, low, rows))

    def _minimize(self) -> None:
        costs = np.zeros(self.rows.count)
        for literals, amounts in self._costs:
            np.add.at(costs, literals, amounts)
        self.rows.minimize(costs, self.scale.most)


def _complete_pin(broken: int, broken_by: list[int], values: Labels) -> None:
    values[broken] = values[broken_by].any()


def _complete_overflow(over: int, low: int, rows: list[Row], values: Labels) -> None:
    excess = (int(values[row.literals] @ row.coefficients) - row.room for row in rows)
    values[over] = max(low, *excess)
