"""Which strategies have a partner on every edge: arc consistency over infinite table entries.

A strategy is supported on an edge when its label is allowed with the label of some strategy left
at the other end. Whoever lacks support somewhere goes, which may take the support of others. All
edges are looked at in the first sweep, later only those of nodes that lost something; a sweep is a
handful of operations on flat arrays, so that chains of thousands of nodes cost little.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from solver.engine.problem import Bools, Edge, Labels
from solver.engine.reduce.flat import allowed_pairs, offsets, ranges


@dataclass(frozen=True, slots=True, eq=False)
class Supports:
    """Strategies and pairs of the forbidding edges; labels are numbered on over all tables.

    `strategy` and `label` list, table after table, the strategies of both ends (numbered on over
    all nodes) with their labels; `left` and `right` are the labels of the allowed pairs.
    """

    node_of: Labels
    """[strategy]"""
    tables_of: tuple[Labels, Labels]
    """[node + 1] and the tables of the node from there on."""
    strategy: Labels
    label: Labels
    held_start: Labels
    """[table + 1]: its first entry in `strategy` and `label`."""
    left: Labels
    right: Labels
    pair_start: Labels
    """[table + 1]: its first entry in `left` and `right`."""
    labels: int

    def tables(self, strategies: Labels) -> Labels:
        """The tables at the nodes of these strategies."""
        start, tables = self.tables_of
        nodes = np.unique(self.node_of[strategies])
        return np.unique(tables[_spans(start, nodes)])

    def unsupported(self, alive: Bools, tables: Labels) -> Labels:
        """Strategies among the living ones that have no partner on one of these tables."""
        held = _spans(self.held_start, tables)
        strategy, label = self.strategy[held], self.label[held]
        living = alive[strategy]
        strategy, label = strategy[living], label[living]
        present = np.zeros(self.labels, dtype=bool)
        present[label] = True
        pairs = _spans(self.pair_start, tables)
        left, right = self.left[pairs], self.right[pairs]
        both = present[left] & present[right]
        supported = np.zeros(self.labels, dtype=bool)
        supported[left[both]] = True
        supported[right[both]] = True
        return np.unique(strategy[~supported[label]])


def supports(edges: Sequence[Edge], node_start: Labels) -> Supports:
    """The supports of a problem's edges; `node_start` is [node + 1], each node's first strategy."""
    pairs = allowed_pairs(edges)
    rows = int(pairs.row_start[-1])
    ends = pairs.ends.reshape(-1)
    first = np.stack([pairs.row_start[:-1], pairs.column_start[:-1] + rows], axis=1).reshape(-1)
    counts = np.diff(node_start)[ends]
    forbidding = [edges[k] for k in pairs.edges.tolist()]
    labels = [side for edge in forbidding for side in (edge.labels_u, edge.labels_v)]
    return Supports(
        np.repeat(np.arange(len(node_start) - 1), np.diff(node_start)),
        _tables_of(ends, len(node_start) - 1),
        ranges(node_start[ends], counts),
        np.concatenate([np.empty(0, dtype=np.intp), *labels]) + np.repeat(first, counts),
        offsets(counts)[::2],
        pairs.row,
        pairs.column + rows,
        pairs.start,
        rows + int(pairs.column_start[-1]),
    )


def prune(supports: Supports, alive: Bools, tables: Labels) -> None:
    """Take from `alive` ([strategy]) all that these tables leave without a partner, and so on."""
    while len(tables):
        gone = supports.unsupported(alive, tables)
        alive[gone] = False
        tables = supports.tables(gone)


def _tables_of(ends: Labels, nodes: int) -> tuple[Labels, Labels]:
    """Per node the tables it is an end of, from `ends`: [2 * table] and [2 * table + 1]."""
    return offsets(np.bincount(ends, minlength=nodes)), np.argsort(ends, kind="stable") // 2


def _spans(start: Labels, groups: Labels) -> Labels:
    """The positions of these groups' members."""
    return ranges(start[groups], start[groups + 1] - start[groups])
