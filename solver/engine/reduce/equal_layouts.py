"""Contract nodes whose strategy is a function of another node's.

Statement: when every label of u allows exactly one label of v on an edge u-v, and every label of v
is that of one strategy, then v's strategy is a function of u's. v goes: its costs, uses and other
edges become u's (`substitute`). A chain of such edges is contracted at once.

Proof: a selection that is feasible takes on that edge the one allowed pair, so the assumption of
`substitute` holds for every feasible selection, hence for one of least value. Functions of
functions are functions, which covers the chains.

Of two nodes that are functions of each other one leads: a pinned one first (a node that a pin names
never goes), then the one with more strategies, then the earlier one. A node follows only such that
come before it in this order, so that there are no cycles; after `propagate` nothing is missed, as
then a function from fewer to more strategies does not occur and one between equally many is
invertible.
"""

from __future__ import annotations

import numpy as np

from solver.engine.problem import Bools, Labels, Problem
from solver.engine.reduce.flat import Pairs, allowed_pairs
from solver.engine.reduce.step import Step
from solver.engine.reduce.substitute import substitute

_Function = tuple[int, Labels]
"""A node, and [its strategy]: the strategy of the node that follows it."""


def equal_layouts(problem: Problem) -> Step | None:
    """Contract all nodes that are functions of others."""
    sizes = np.array([node.size for node in problem.nodes], dtype=np.intp)
    pinned = np.zeros(len(sizes), dtype=bool)
    pinned[[node for pin in problem.pins for node in pin.breaks]] = True
    order = np.lexsort((-sizes, ~pinned))
    rank = np.empty_like(order)
    rank[order] = np.arange(len(order))
    pairs = allowed_pairs(problem.edges)
    functions: dict[int, _Function] = {}
    for turned in (False, True):
        u, v = pairs.ends.T[::-1] if turned else pairs.ends.T
        wanted = (rank[u] < rank[v]) & ~pinned[v]
        functions.update(_functions(problem, pairs, turned, wanted))
    if not functions:
        return None
    leaders = np.arange(len(order))
    choices: list[Labels | None] = [None] * len(order)
    for follower in sorted(functions, key=rank.tolist().__getitem__):
        node, chosen = functions[follower]
        before = choices[node]
        leaders[follower] = leaders[node]
        choices[follower] = chosen if before is None else chosen[before]
    return substitute(problem, leaders, choices)


def _functions(problem: Problem, pairs: Pairs, turned: bool, wanted: Bools) -> dict[int, _Function]:
    """Per node v, one edge u-v among the `wanted` ([table]) on which v is a function of u.

    `turned`: u is the edge's second node.
    """
    if not len(pairs.edges):
        return {}
    start, row, other_start, column = pairs.row_start, pairs.row, pairs.column_start, pairs.column
    if turned:
        start, row, other_start, column = other_start, column, start, row
    single = np.bincount(row, minlength=int(start[-1])) == 1
    chosen = np.zeros(int(start[-1]), dtype=np.intp)
    chosen[row] = column
    found: dict[int, _Function] = {}
    for table in np.flatnonzero(wanted & np.logical_and.reduceat(single, start[:-1])).tolist():
        edge = problem.edges[pairs.edges[table]]
        u, v, labels_u, labels_v = edge.u, edge.v, edge.labels_u, edge.labels_v
        if turned:
            u, v, labels_u, labels_v = v, u, labels_v, labels_u
        if v not in found and len(labels_v) == other_start[table + 1] - other_start[table]:
            holder = np.empty_like(labels_v)
            holder[labels_v] = np.arange(len(labels_v))
            label = chosen[start[table] : start[table + 1]] - other_start[table]
            found[v] = u, holder[label][labels_u]
    return found
