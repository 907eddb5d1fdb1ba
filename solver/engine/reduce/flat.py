"""Entries of many edge tables as flat arrays, so that a pass looks at all of them at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from solver.engine.problem import Edge, Labels


@dataclass(frozen=True, slots=True, eq=False)
class Pairs:
    """The pairs of labels that the forbidding edges (those with an infinite entry) allow.

    Labels of all these edges are numbered on, table after table: those of u (rows) and those of v
    (columns) apart.
    """

    edges: Labels
    """[table]: the number of the edge."""
    ends: Labels
    """[table, 2]: its nodes u and v."""
    row_start: Labels
    """[table + 1]: the number of its first row."""
    column_start: Labels
    """[table + 1]: the number of its first column."""
    start: Labels
    """[table + 1]: its first pair."""
    row: Labels
    """[pair]"""
    column: Labels
    """[pair]"""


def allowed_pairs(edges: Sequence[Edge]) -> Pairs:
    """The pairs that the forbidding ones among `edges` allow; no table may be empty."""
    shapes = _columns([e.table.shape[0] for e in edges], [e.table.shape[1] for e in edges])
    sizes = shapes[:, 0] * shapes[:, 1]
    finite = {id(e.table): np.isfinite(e.table).ravel() for e in edges}  # edges may share tables
    whole = {table: bool(entries.all()) for table, entries in finite.items()}
    numbers = np.flatnonzero([not whole[id(e.table)] for e in edges])
    forbidding = (finite[id(edges[k].table)] for k in numbers.tolist())
    allowed = np.flatnonzero(np.concatenate([np.zeros(0, dtype=bool), *forbidding]))
    shapes, sizes = shapes[numbers], sizes[numbers]
    table = np.repeat(np.arange(len(numbers)), sizes)[allowed]
    row, column = np.divmod(allowed - offsets(sizes)[table], shapes[table, 1])
    row_start, column_start = offsets(shapes[:, 0]), offsets(shapes[:, 1])
    return Pairs(
        numbers,
        _columns([edge.u for edge in edges], [edge.v for edge in edges])[numbers],
        row_start,
        column_start,
        offsets(np.bincount(table, minlength=len(numbers))),
        row + row_start[table],
        column + column_start[table],
    )


def _columns(left: list[int], right: list[int]) -> Labels:
    return np.array([left, right], dtype=np.intp).T


def offsets(counts: Labels) -> Labels:
    """[group + 1]: where each group starts when groups of these sizes stand side by side."""
    starts = np.zeros(len(counts) + 1, dtype=np.intp)
    np.cumsum(counts, out=starts[1:])
    return starts


def ranges(starts: Labels, counts: Labels) -> Labels:
    """The numbers starts[i], ..., starts[i] + counts[i] - 1 of every i, one after another."""
    first = offsets(counts)
    return np.arange(first[-1]) + np.repeat(starts - first[:-1], counts)
