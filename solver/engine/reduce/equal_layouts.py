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

from collections.abc import Sequence

import numpy as np

from solver.engine.problem import Edge, Labels, Problem
from solver.engine.reduce.flat import allowed_pairs
from solver.engine.reduce.step import Step
from solver.engine.reduce.substitute import substitute


def equal_layouts(problem: Problem) -> Step | None:
    """Contract all nodes that are functions of others."""
    pinned = {node for pin in problem.pins for node in pin.breaks}
    order = sorted(
        range(len(problem.nodes)), key=lambda v: (v not in pinned, -problem.nodes[v].size, v)
    )
    rank = np.empty(len(order), dtype=np.intp)
    rank[order] = np.arange(len(order))
    decides: dict[int, Edge] = {}
    for edge in _functional(problem.edges):
        if edge.v not in pinned and rank[edge.u] < rank[edge.v]:
            decides.setdefault(edge.v, edge)
    if not decides:
        return None
    leaders = np.arange(len(order))
    choices: list[Labels | None] = [None] * len(order)
    for v in order:
        if v in decides:
            u = decides[v].u
            leaders[v] = leaders[u]
            before, chosen = choices[u], _function(decides[v])
            choices[v] = chosen if before is None else chosen[before]
    return substitute(problem, leaders, choices)


def _functional(edges: Sequence[Edge]) -> list[Edge]:
    """The edges on which v is a function of u; edges are turned where u is one of v."""
    pairs = allowed_pairs(edges)
    found = []
    for starts, numbers, turn in (
        (pairs.row_start, pairs.row, False),
        (pairs.column_start, pairs.column, True),
    ):
        if not len(pairs.edges):
            return []
        single = np.bincount(numbers, minlength=int(starts[-1])) == 1
        for k in pairs.edges[np.logical_and.reduceat(single, starts[:-1])]:
            edge = edges[k].turned() if turn else edges[k]
            if len(edge.labels_v) == edge.table.shape[1]:
                found.append(edge)
    return found


def _function(edge: Edge) -> Labels:
    """[strategy of u]: the one strategy of v that the edge allows with it."""
    holder = np.empty_like(edge.labels_v)
    holder[edge.labels_v] = np.arange(len(holder))
    chosen: Labels = holder[np.isfinite(edge.table).argmax(axis=1)][edge.labels_u]
    return chosen
