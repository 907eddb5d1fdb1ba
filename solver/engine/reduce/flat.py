"""Entries of many edge tables as flat arrays, so that a pass looks at all of them at once."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from solver.engine.problem import Edge, Labels


@dataclass(frozen=True, slots=True, eq=False)
class Pairs:
    """The pairs of labels that the forbidding edges (those with an infinite entry) allow.

    Labels of all these edges are numbered on, table after table: those of u (rows) and those of v
    (columns) apart. Pairs of table t stand at `start[t]` up to `start[t + 1]`.
    """

    edges: Labels
    """[table]: the number of the edge."""
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
    numbers = [k for k, edge in enumerate(edges) if edge.table.max() == math.inf]
    tables = [edges[k].table for k in numbers]
    shapes = np.array([table.shape for table in tables], dtype=np.intp).reshape(-1, 2)
    sizes = shapes[:, 0] * shapes[:, 1]
    row_start, column_start = offsets(shapes[:, 0]), offsets(shapes[:, 1])
    entries = np.concatenate([table.ravel() for table in tables] or [np.empty(0)])
    allowed = np.flatnonzero(np.isfinite(entries))
    table = np.repeat(np.arange(len(tables)), sizes)[allowed]
    row, column = np.divmod(allowed - offsets(sizes)[table], shapes[table, 1])
    return Pairs(
        np.array(numbers, dtype=np.intp),
        row_start,
        column_start,
        offsets(np.bincount(table, minlength=len(tables))),
        row + row_start[table],
        column + column_start[table],
    )


def offsets(counts: Labels) -> Labels:
    """[group + 1]: where each group starts when groups of these sizes stand side by side."""
    starts = np.zeros(len(counts) + 1, dtype=np.intp)
    np.cumsum(counts, out=starts[1:])
    return starts


def ranges(starts: Labels, counts: Labels) -> Labels:
    """The numbers starts[i], ..., starts[i] + counts[i] - 1 of every i, one after another."""
    first = offsets(counts)
    return np.arange(first[-1]) + np.repeat(starts - first[:-1], counts)
