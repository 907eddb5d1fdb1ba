"""The choices of a split as CP-SAT variables, and what every unit costs as linear expressions.

A node has a literal per option, a pair of neighbours one per pair of options that it tells apart
(with the nodes' literals as its margins), a parameter one per option of its reader and storage. So
every quantity of a unit is linear in literals. Seconds are counted in ticks, bytes one by one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from solver.cpsat import Linear
from tests.solver.joint.choices import Choices
from tests.solver.joint.tables import Floats, Quantity, Storage, Tables

if TYPE_CHECKING:
    from ortools.sat.python import cp_model

Ints = npt.NDArray[np.int64]
IN_SECONDS = (Quantity.F, Quantity.B, Quantity.W, Quantity.AGAIN)


class Selection:
    """Literals of nodes, storages and recomputation; sums of what they cost."""

    def __init__(
        self, model: cp_model.CpModel, choices: Choices, tables: Tables, tick: float
    ) -> None:
        self.model, self.choices, self.tables, self.tick = model, choices, tables, tick
        units = range(len(choices.units))
        self.number = {unit.name: u for u, unit in enumerate(choices.units)}
        constant = self._whole(tables.constant)
        self.cost: list[list[Linear]] = [[int(x) for x in constant[u]] for u in units]
        self.tail: list[Linear] = [0 for _ in units]
        self.held: list[Linear] = [0 for _ in units]
        self.gathered: list[Linear] = [0 for _ in units]
        self.options = {name: self._one_of(name, choices.options(name)) for name in choices.nodes}
        self.stored: dict[str, list[list[Linear]]] = {}
        for name, table in tables.unary.items():
            for option, literal in enumerate(self.options[name]):
                self._add(self._whole(table[option]), literal)
        for (u, v), pair in tables.pairs.items():
            self._add_pair(u, v, self._whole(pair))
        for name, rows in tables.storages.items():
            self._add_storage(name, rows)
        self.again = [self._again(u) for u in units]

    def ticks(self, seconds: float) -> int:
        """Seconds in whole ticks."""
        return round(seconds / self.tick)

    def work(self, operator: str) -> Linear:
        """Bytes that an operator needs while it runs."""
        sizes = self.tables.work[operator]
        literals = self.options[operator]
        return sum(round(size) * x for size, x in zip(sizes, literals, strict=True))

    # ---- variables -------------------------------------------------------------------------

    def _one_of(self, name: str, count: int) -> list[Linear]:
        if count == 1:
            return [self.model.new_constant(1)]
        literals = [self.model.new_bool_var(f"{name} {i}") for i in range(count)]
        self.model.add_exactly_one(literals)
        return list(literals)

    def _again(self, unit: int) -> Linear:
        flags = self.choices.space.may_recompute(self.choices.units[unit])
        if len(flags) == 1:
            return self.model.new_constant(int(flags[0]))
        return self.model.new_bool_var(f"again {unit}")

    def _whole(self, table: Floats) -> Ints:
        """[..., quantity] in ticks and bytes."""
        scaled = table.copy()
        scaled[..., list(IN_SECONDS)] /= self.tick
        return np.asarray(np.rint(scaled), dtype=np.int64)

    def _add(self, amounts: Ints, literal: Linear) -> None:
        for u, q in zip(*np.nonzero(amounts), strict=True):
            self.cost[u][q] += int(amounts[u, q]) * literal

    def _add_pair(self, u: str, v: str, table: Ints) -> None:
        """One literal per pair of options that the table tells apart."""
        rows, row_of = np.unique(table.reshape(len(table), -1), axis=0, return_inverse=True)
        table = rows.reshape(len(rows), *table.shape[1:]).swapaxes(0, 1)
        columns, column_of = np.unique(table.reshape(len(table), -1), axis=0, return_inverse=True)
        table = columns.reshape(len(columns), *table.shape[1:])  # [class of v, class of u, ...]
        if not table.any():
            return
        left = self._grouped(u, row_of.reshape(-1), len(rows))
        right = self._grouped(v, column_of.reshape(-1), len(columns))
        both = [
            [self.model.new_bool_var(f"{u} {i} {v} {j}") for i in range(len(left))]
            for j in range(len(right))
        ]
        for j, members in enumerate(right):
            self.model.add(sum(both[j]) == members)
        for i, members in enumerate(left):
            self.model.add(sum(row[i] for row in both) == members)
        for j, line in enumerate(both):
            for i, literal in enumerate(line):
                self._add(table[j, i], literal)

    def _grouped(self, node: str, group: Ints, count: int) -> list[Linear]:
        literals = self.options[node]
        return [
            sum(x for x, g in zip(literals, group, strict=True) if g == k) for k in range(count)
        ]

    def _add_storage(self, name: str, rows: tuple[tuple[Storage, ...], ...]) -> None:
        reader = self.choices.reader(name)
        u = self.number[reader.unit]
        self.stored[name] = []
        for option, row in enumerate(rows):
            literals = [self.model.new_bool_var(f"{name} {option} {z}") for z in range(len(row))]
            self.model.add(sum(literals) == self.options[reader.name][option])
            self.stored[name].append(list(literals))
            for storage, literal in zip(row, literals, strict=True):
                for quantity, seconds in zip(IN_SECONDS, storage.seconds, strict=False):
                    self.cost[u][quantity] += self.ticks(seconds) * literal
                self.tail[u] += self.ticks(storage.tail) * literal
                self.held[u] += round(storage.held) * literal
                self.gathered[u] += round(storage.gathered) * literal
