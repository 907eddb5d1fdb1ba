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
    finite = np.isfinite(np.concatenate([np.empty(0), *(edge.table.ravel() for edge in edges)]))
    forbidding = np.zeros(len(edges), dtype=bool)
    if len(edges):
        forbidding = ~np.logical_and.reduceat(finite, offsets(sizes)[:-1])
    numbers = np.flatnonzero(forbidding)
    allowed = np.flatnonzero(finite[np.repeat(forbidding, sizes)])
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
