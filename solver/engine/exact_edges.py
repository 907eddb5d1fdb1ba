"""Edges of the exact model: tight in the linear relaxation, with as few variables as that allows.

A table of finite costs is rewritten as row costs + column costs + rest, with a zero in every row
and column of the rest; the first two go into the strategies' own costs. Rows that are equal in the
rest are one row afterwards, likewise columns (a table that is separable has nothing left). For the
rest there is a 0-1 variable z per finite cell, with

    sum of a row's cells = sum of the row's strategies,  the same per column,

the description of the convex hull of one edge. A cell that is alone in its row (or column) is the
row itself and gets no variable, so a functional table costs only one equation per column.

Where the rest has only zeros and forbidden cells, the rows of the hull are, by Hall's theorem, for
every set of rows

    sum of the strategies of these rows <= sum of the strategies of the columns allowed to them.

If the rows are nested (each one's allowed columns include those of the row before), the sets 1..k
are enough. Otherwise only single rows and columns are written: not the whole hull, but for the
question whether anything is feasible at all many times faster than cells (measured).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np

from solver.engine.problem import Bools, Floats, Labels
from solver.engine.rows import Rows, negated


@dataclass(frozen=True, slots=True, eq=False)
class Side:
    """The strategies at one end of an edge: their literals, and the row of each, [strategy]."""

    literals: Labels
    row: Labels

    def members(self, count: int) -> list[list[int]]:
        """Per row, the literals of its strategies."""
        rows: list[list[int]] = [[] for _ in range(count)]
        for row, literal in zip(self.row.tolist(), self.literals.tolist(), strict=True):
            rows[row].append(literal)
        return rows

    def chosen(self, values: Labels) -> int:
        """The row that values of the variables ([variable]) choose."""
        return int(self.row[values[self.literals].argmax()])


@dataclass(frozen=True, slots=True, eq=False)
class Cells:
    """Literals of which exactly one holds, and the cell that each stands for, [literal].

    The first `own` of them belong to this edge, the others are literals of strategies.
    """

    literals: Labels
    row: Labels
    column: Labels
    own: int
    u: Side
    v: Side

    def complete(self, values: Labels) -> None:
        """Set the values of the cells' own variables from those of the strategies."""
        holds = (self.row == self.u.chosen(values)) & (self.column == self.v.chosen(values))
        values[self.literals[: self.own]] = holds[: self.own]


@dataclass(frozen=True, slots=True, eq=False)
class AddedEdge:
    """What an edge adds: costs per literal, and (only where amounts were given) the cells' literals
    with the amounts of each, [literal]."""

    costs: list[tuple[Labels, Floats]]
    cells: Cells | None = None
    amounts: list[Floats] = field(default_factory=list)


def add_edge(rows: Rows, u: Side, v: Side, table: Floats, amounts: list[Floats]) -> AddedEdge:
    """The variables and rows of an edge with this table (integers or infinity, [row, column]).

    `amounts`, of the table's shape, are told apart as the costs are: rows merge only where they are
    equal in them too.
    """
    finite = np.isfinite(table)
    u, kept_u = _without_forbidden(rows, u, np.logical_or.reduce(finite, axis=1))
    v, kept_v = _without_forbidden(rows, v, np.logical_or.reduce(finite, axis=0))
    if not kept_u.size or not kept_v.size:
        return AddedEdge([])
    table, amounts = _part(kept_u, kept_v, table, amounts)
    costs_u, costs_v, rest = without_levels(table)
    costs = [(u.literals, costs_u[u.row]), (v.literals, costs_v[v.row])]
    kinds_u, first_u = equal_rows(np.hstack([rest, *amounts]))
    rest, amounts = _part(first_u, np.arange(rest.shape[1]), rest, amounts)
    kinds_v, first_v = equal_rows(np.hstack([rest.T, *(a.T for a in amounts)]))
    rest, amounts = _part(np.arange(rest.shape[0]), first_v, rest, amounts)
    u, v = Side(u.literals, kinds_u[u.row]), Side(v.literals, kinds_v[v.row])
    if not amounts and (1 in rest.shape or _add_forbidden(rows, u, v, rest)):
        return AddedEdge(costs)
    cells = _line(u, v, rest) if 1 in rest.shape else _add_cells(rows, u, v, rest)
    costs.append((cells.literals, rest[cells.row, cells.column]))
    return AddedEdge(costs, cells, [a[cells.row, cells.column] for a in amounts])


def without_levels(table: Floats) -> tuple[Floats, Floats, Floats]:
    """Row costs, column costs, and the rest with a zero in every row and column."""
    rows = table.min(axis=1)
    rest = table - rows[:, None]
    columns = rest.min(axis=0)
    return rows, columns, rest - columns


def equal_rows(table: Floats) -> tuple[Labels, Labels]:
    """Per row the number of its kind, and per kind its first row."""
    kinds: dict[bytes, int] = {}
    labels = [kinds.setdefault(row.tobytes(), len(kinds)) for row in np.ascontiguousarray(table)]
    first = {kind: row for row, kind in reversed(list(enumerate(labels)))}
    firsts = [first[kind] for kind in range(len(kinds))]
    return np.array(labels, dtype=np.intp), np.array(firsts, dtype=np.intp)


def _part(
    rows: Labels, columns: Labels, table: Floats, amounts: list[Floats]
) -> tuple[Floats, list[Floats]]:
    return table[rows][:, columns], [a[rows][:, columns] for a in amounts]


def _without_forbidden(rows: Rows, side: Side, possible: Bools) -> tuple[Side, Labels]:
    """The side without the rows that have only forbidden cells, and the rows that remain."""
    if possible.all():
        return side, np.arange(len(possible))
    stays = possible[side.row]
    for literal in side.literals[~stays].tolist():
        rows.any_of([negated(literal)])
    renamed = np.cumsum(possible) - 1
    return Side(side.literals[stays], renamed[side.row[stays]]), np.flatnonzero(possible)


def _line(u: Side, v: Side, table: Floats) -> Cells:
    """The cells of a table with one row or one column: the strategies at the other end."""
    if table.shape[0] == 1:
        return Cells(v.literals, np.zeros_like(v.row), v.row, 0, u, v)
    return Cells(u.literals, u.row, np.zeros_like(u.row), 0, u, v)


def _add_cells(rows: Rows, u: Side, v: Side, rest: Floats) -> Cells:
    """A variable per cell that is not alone in its row or column, and the equations."""
    finite = np.isfinite(rest)
    column_of, row_of = finite.argmax(axis=1), finite.argmax(axis=0)
    alone_u = finite.sum(axis=1) == 1
    alone_v = (finite.sum(axis=0) == 1) & ~alone_u[row_of]
    own = finite & ~alone_u[:, None] & ~alone_v
    cell = np.full(rest.shape, -1, dtype=np.intp)
    cell[own] = rows.booleans(int(own.sum()))
    members_u, members_v = u.members(rest.shape[0]), v.members(rest.shape[1])
    _add_sums(rows, members_u, members_v, cell, alone_u, finite & alone_v)
    _add_sums(rows, members_v, members_u, cell.T, alone_v, finite.T & alone_u)
    at, to = np.nonzero(own)
    whole_u, whole_v = alone_u[u.row], alone_v[v.row]
    return Cells(
        np.concatenate([cell[own], u.literals[whole_u], v.literals[whole_v]]),
        np.concatenate([at, u.row[whole_u], row_of[v.row[whole_v]]]),
        np.concatenate([to, column_of[u.row[whole_u]], v.row[whole_v]]),
        len(at),
        u,
        v,
    )


def _add_sums(
    rows: Rows,
    left: list[list[int]],
    right: list[list[int]],
    cell: Labels,
    alone: Bools,
    borrowed: Bools,
) -> None:
    """Per row that is not alone, the sum of its cells: own ones, and columns that stand for one."""
    for members, cells, is_alone, columns in zip(
        left, cell.tolist(), alone.tolist(), borrowed.tolist(), strict=True
    ):
        if not is_alone:
            literals = [x for x in cells if x >= 0]
            _equal(rows, literals + _selected(right, columns), members)


def _selected(members: list[list[int]], picked: list[bool]) -> list[int]:
    """The literals of the rows that are picked."""
    return [literal for row, is_in in zip(members, picked, strict=True) if is_in for literal in row]


def _add_forbidden(rows: Rows, u: Side, v: Side, rest: Floats) -> bool:
    """Forbid the infinite cells without variables, if all others are zero and that is no worse."""
    allowed = np.isfinite(rest)
    if rest[allowed].any() or (allowed.sum(axis=1) == 1).all() or (allowed.sum(axis=0) == 1).all():
        return False
    members_u, members_v = u.members(rest.shape[0]), v.members(rest.shape[1])
    order = np.argsort(allowed.sum(axis=1), kind="stable")
    if not (allowed[order[:-1]] & ~allowed[order[1:]]).any():
        _add_supports(rows, members_u, members_v, allowed, order[:-1].tolist(), nested=True)
        return True
    for left, right, possible in (
        (members_u, members_v, allowed),
        (members_v, members_u, allowed.T),
    ):
        _add_supports(rows, left, right, possible, range(len(left)), nested=False)
    return True


def _add_supports(
    rows: Rows,
    left: list[list[int]],
    right: list[list[int]],
    allowed: Bools,
    order: Iterable[int],
    nested: bool,
) -> None:
    """Per row in order, its strategies (if nested, with those of the rows before) need a column."""
    needing: list[int] = []
    possible = allowed.tolist()
    for i in order:
        needing = needing + left[i] if nested else left[i]
        support = _selected(right, possible[i])
        if len(needing) == 1:
            rows.any_of([negated(needing[0]), *support])
        else:
            signs = [1] * len(support) + [-1] * len(needing)
            rows.linear(support + needing, signs, 0, 1)


def _equal(rows: Rows, left: list[int], right: list[int]) -> None:
    """The sums of two sets of literals, each with at most one that holds, are equal."""
    if len(right) == 1:
        rows.exactly_one([*left, negated(right[0])])
    elif len(left) == 1:
        rows.exactly_one([*right, negated(left[0])])
    else:
        rows.linear([*left, *right], [1] * len(left) + [-1] * len(right), 0, 0)
