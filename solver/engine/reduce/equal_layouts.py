"""Contract nodes whose strategy is a function of another node's.

Statement: when every label of u allows exactly one label of v on an edge u-v, and every label of v
is that of one strategy, then v's strategy is a function of u's. v goes: its costs, uses and other
edges become u's (`substitute`). Whole trees of such edges are contracted at once.

Proof: a selection that is feasible takes on that edge the one allowed pair, so the assumption of
`substitute` holds for every feasible selection, hence for one of least value. Functions of
functions are functions, which covers the trees.

Leaders are taken in the order: pinned nodes (a node that a pin names never goes), then nodes of
more strategies, then earlier ones; each takes in all that its functions reach. After `propagate` a
function never leads from fewer to more strategies and one between equally many is invertible, so
that no leader could have been reached from a later one.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from solver.engine.problem import Edge, Labels, Problem
from solver.engine.reduce.flat import allowed_pairs
from solver.engine.reduce.step import Step
from solver.engine.reduce.substitute import substitute


def equal_layouts(problem: Problem) -> Step | None:
    """Contract all nodes that are functions of others."""
    functions = _functions(problem)
    if not functions:
        return None
    pinned = {node for pin in problem.pins for node in pin.breaks}
    count = len(problem.nodes)
    leaders: list[int | None] = [None] * count
    choices: list[Labels | None] = [None] * count
    for root in sorted(range(count), key=lambda v: (v not in pinned, -problem.nodes[v].size)):
        if leaders[root] is not None:
            continue
        leaders[root] = root
        reached = [root]
        for u in reached:
            for function in functions.get(u, ()):
                if leaders[function.v] is None and function.v not in pinned:
                    leaders[function.v] = root
                    choices[function.v] = function.after(choices[u])
                    reached.append(function.v)
    if leaders == list(range(count)):
        return None
    return substitute(problem, np.array(leaders, dtype=np.intp), choices)


@dataclass(frozen=True, slots=True, eq=False)
class _Function:
    """Node v follows the first end of `edge`, or the second if `turned`."""

    v: int
    edge: Edge
    turned: bool
    chosen: Labels
    """[label of u]: the label of v."""

    def after(self, before: Labels | None) -> Labels:
        """[strategy]: the strategy of v, after the map of another strategy to u's (None: none)."""
        labels_u, labels_v = self.edge.labels_u, self.edge.labels_v
        if self.turned:
            labels_u, labels_v = labels_v, labels_u
        holder = np.empty_like(labels_v)
        holder[labels_v] = np.arange(len(labels_v))
        if before is not None:
            labels_u = labels_u[before]
        strategies: Labels = holder[self.chosen[labels_u]]
        return strategies


def _functions(problem: Problem) -> dict[int, list[_Function]]:
    """Per node, the functions from it."""
    pairs = allowed_pairs(problem.edges)
    found: dict[int, list[_Function]] = {}
    if not len(pairs.edges):
        return found
    rows, columns = (pairs.row_start, pairs.row), (pairs.column_start, pairs.column)
    sizes = np.array([node.size for node in problem.nodes], dtype=np.intp)
    for turned, (start, row), (other_start, column) in (
        (False, rows, columns),
        (True, columns, rows),
    ):
        told_apart = np.diff(other_start) == sizes[pairs.ends[:, 0 if turned else 1]]
        single = np.bincount(row, minlength=int(start[-1])) == 1
        chosen = np.zeros(int(start[-1]), dtype=np.intp)
        chosen[row] = column
        for table in np.flatnonzero(
            told_apart & np.logical_and.reduceat(single, start[:-1])
        ).tolist():
            u, v = pairs.ends[table, ::-1].tolist() if turned else pairs.ends[table].tolist()
            labels = chosen[start[table] : start[table + 1]] - other_start[table]
            edge = problem.edges[pairs.edges[table]]
            found.setdefault(u, []).append(_Function(v, edge, turned, labels))
    return found
