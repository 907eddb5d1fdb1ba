"""Give strategies that an edge does not tell apart one label.

Statement: labels of u whose rows are equal, in the table and in the amounts of all uses of the
edge, become one label; likewise those of v.

Proof: every entry that a pair of strategies is looked up at keeps its value.

Most edges have no equal rows: only those with two rows of equal hash are looked at closely.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from solver.engine.problem import Bools, Edge, Floats, Labels, Problem
from solver.engine.reduce.flat import offsets
from solver.engine.reduce.step import Step


def labels(problem: Problem) -> Step | None:
    """Join labels with equal rows or columns."""
    amounts: dict[int, list[Floats]] = {}
    for use in problem.edge_uses:
        amounts.setdefault(use.edge, []).append(use.amounts)
    edges = list(problem.edges)
    first: dict[int, tuple[Labels, Labels]] = {}
    repeating = _repeating([edge.table for edge in edges])
    repeating |= _repeating([edge.table.T for edge in edges])
    for number in np.flatnonzero(repeating).tolist():
        edge = edges[number]
        tables = [edge.table, *amounts.get(number, ())]
        rows, of_row = _classes(np.hstack(tables))
        columns, of_column = _classes(np.vstack(tables).T)
        if len(rows) < len(of_row) or len(columns) < len(of_column):
            first[number] = rows, columns
            labels_u, labels_v = of_row[edge.labels_u], of_column[edge.labels_v]
            edges[number] = Edge(edge.u, edge.v, labels_u, labels_v, _at(edge.table, rows, columns))
    if not first:
        return None
    uses = tuple(
        replace(use, amounts=_at(use.amounts, *first[use.edge])) if use.edge in first else use
        for use in problem.edge_uses
    )
    reduced = replace(problem, edges=tuple(edges), edge_uses=uses)
    return Step(reduced, lambda selection: selection)


def _repeating(tables: Sequence[Floats]) -> Bools:
    """[table]: whether two rows may be equal: whether two have the same hash."""
    if not tables:
        return np.zeros(0, dtype=bool)
    rows = np.array([table.shape[0] for table in tables], dtype=np.intp)
    widths = np.repeat([table.shape[1] for table in tables], rows)
    start = offsets(widths)
    bits = (np.concatenate([table.ravel() for table in tables]) + 0.0).view(np.uint64)
    factors = np.random.default_rng(0).integers(1 << 63, size=widths.max(), dtype=np.uint64) | 1
    column = np.arange(len(bits)) - np.repeat(start[:-1], widths)
    hashes = np.add.reduceat((bits ^ (bits >> 32)) * factors[column], start[:-1])
    table = np.repeat(np.arange(len(tables)), rows)
    order = np.lexsort((hashes, table))
    equal = (np.diff(hashes[order]) == 0) & (np.diff(table[order]) == 0)
    repeating = np.zeros(len(tables), dtype=bool)
    repeating[table[order][1:][equal]] = True
    return repeating


def _classes(rows: Floats) -> tuple[Labels, Labels]:
    """The first row of each class of equal rows, and the class of each row."""
    plain = np.ascontiguousarray(rows) + 0.0  # one zero: -0.0 has other bytes
    keys = plain.view(np.dtype((np.void, plain.itemsize * plain.shape[1]))).ravel().tolist()
    seen: dict[object, int] = {}
    of_row = np.array([seen.setdefault(key, len(seen)) for key in keys], dtype=np.intp)
    first = np.full(len(seen), len(keys), dtype=np.intp)
    np.minimum.at(first, of_row, np.arange(len(keys)))
    return first, of_row


def _at(table: Floats, rows: Labels, columns: Labels) -> Floats:
    return table[rows[:, None], columns]
