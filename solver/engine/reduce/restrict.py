"""Keep only some strategies of some nodes: what every pass that drops strategies ends with.

Tables and uses lose the rows of labels that no strategy has any more, pins the entries of the
strategies that went. A pin that can no longer be broken is dropped.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from solver.engine.problem import (
    Edge,
    EdgeUse,
    Floats,
    Labels,
    Node,
    NodeUse,
    Pin,
    Problem,
    Selection,
)
from solver.engine.reduce.step import Step


def restrict(problem: Problem, kept: Mapping[int, Labels]) -> Step:
    """The problem with, for every node in `kept`, only those strategies (ascending, at least one).

    Optima stay only if the caller has shown that some optimum uses kept strategies alone.
    """
    nodes = list(problem.nodes)
    for number, rows in kept.items():
        nodes[number] = Node(nodes[number].name, nodes[number].costs[rows])
    edges = list(problem.edges)
    cuts: dict[int, tuple[Labels, Labels]] = {}
    tables: dict[tuple[int, bytes, bytes], Floats] = {}
    for number, edge in enumerate(edges):
        if edge.u in kept or edge.v in kept:
            edges[number], cuts[number] = _edge(edge, kept, tables)
    reduced = Problem(
        tuple(nodes),
        tuple(edges),
        problem.resources,
        tuple(_node_use(use, kept) for use in problem.node_uses),
        tuple(_edge_use(use, cuts) for use in problem.edge_uses),
        tuple(pin for old in problem.pins if (pin := _pin(old, kept)).breaks),
        problem.constant,
    )
    return Step(reduced, lambda selection: _restored(selection, kept))


def _restored(selection: Selection, kept: Mapping[int, Labels]) -> Selection:
    full = selection.copy()
    for number, rows in kept.items():
        full[number] = rows[selection[number]]
    return full


def _edge(
    edge: Edge, kept: Mapping[int, Labels], tables: dict[tuple[int, bytes, bytes], Floats]
) -> tuple[Edge, tuple[Labels, Labels]]:
    """The edge and the labels it keeps; `tables` are those cut so far, which edges may share."""
    rows, labels_u = _labels(edge.labels_u, kept.get(edge.u))
    columns, labels_v = _labels(edge.labels_v, kept.get(edge.v))
    key = (id(edge.table), rows.tobytes(), columns.tobytes())
    if key not in tables:
        tables[key] = _cut(edge.table, (rows, columns))
    return Edge(edge.u, edge.v, labels_u, labels_v, tables[key]), (rows, columns)


def _labels(labels: Labels, rows: Labels | None) -> tuple[Labels, Labels]:
    """The labels that remain in use (old numbers), and the new label of every kept strategy."""
    if rows is None:
        return np.arange(labels.max() + 1), labels
    used, new = np.unique(labels[rows], return_inverse=True)
    return used, new


def _cut(table: Floats, used: tuple[Labels, Labels]) -> Floats:
    rows, columns = used
    if len(rows) < table.shape[0]:
        table = table[rows]
    if len(columns) < table.shape[1]:
        table = table[:, columns]
    return table


def _node_use(use: NodeUse, kept: Mapping[int, Labels]) -> NodeUse:
    rows = kept.get(use.node)
    if rows is None:
        return use
    return NodeUse(use.resource, use.start, use.stop, use.node, use.amounts[rows])


def _edge_use(use: EdgeUse, cuts: Mapping[int, tuple[Labels, Labels]]) -> EdgeUse:
    used = cuts.get(use.edge)
    if used is None:
        return use
    return EdgeUse(use.resource, use.start, use.stop, use.edge, _cut(use.amounts, used))


def _pin(pin: Pin, kept: Mapping[int, Labels]) -> Pin:
    breaks = {
        node: left
        for node, mask in pin.breaks.items()
        if (left := mask[kept[node]] if node in kept else mask).any()
    }
    return Pin(pin.name, breaks, pin.weight)
