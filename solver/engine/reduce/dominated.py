"""Drop a strategy when another one of its node can always take its place.

Write row_e(s)[l] for what strategy s pays on edge e when the neighbour has the label l. Strategy t
may replace s when

    cost(t) - cost(s) + sum over edges e of max over l of (row_e(t)[l] - row_e(s)[l]) <= 0,

t uses no more than s in any of the node's uses and, for every label of the neighbour, in any use
of its edges, and t breaks no pin that s does not. Labels l with an infinite row_e(s)[l] are left
out of the maximum: no feasible selection has s beside them.

*Proof.* Take a feasible selection with s and put t in its place. Nothing else changes, so the value
changes by cost(t) - cost(s) plus, for each edge, row_e(t)[l] - row_e(s)[l] at the neighbour's label
l, which is at most the maximum; overflows do not grow, hard capacities still hold, and no further
pin breaks. So the value does not grow.

Of two strategies that may replace each other the first stays. One goes only if another that stays
may replace it directly, so nothing goes in a circle, whatever the rounding. Nodes are treated one
after the other: a replacement that holds beside every label of a neighbour also holds beside those
that are left. In the arithmetic of infinities a strategy that cannot be chosen may be replaced by
one that can; a strategy that can be chosen is never replaced by one that cannot, for that change is
infinite.

Work: pairs (s, t) are sieved by uses and pins, then by one label per edge, that which is best for
s, and only what is left is compared over all labels. A node for which that still takes more than
`CELLS` comparisons is left alone.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from solver.engine.problem import Bools, Edge, Floats, Labels, NodeUse, Problem
from solver.engine.reduce.restrict import restrict
from solver.engine.reduce.step import Step

CELLS = 1 << 22
"""Most comparisons (pairs of strategies times labels of the neighbours) for one node."""


_Along = Callable[[Floats, Labels, Labels], Floats]
"""From an edge's table and the labels of s and t, both [pair], the change of the edge, [pair]."""


@dataclass(frozen=True, slots=True, eq=False)
class _Around:
    """What touches every node: each list is [node]; edges are turned so that u is the node."""

    edges: list[list[Edge]]
    uses: list[list[NodeUse]]
    edge_uses: list[list[tuple[Labels, Floats]]]
    masks: list[list[Bools]]


def dominated(problem: Problem) -> Step | None:
    """Drop every strategy that another one may replace."""
    around = _around(problem)
    kept: dict[int, Labels] = {}
    with np.errstate(invalid="ignore"):
        for number, node in enumerate(problem.nodes):
            if node.size > 1:
                stays = _staying(node.costs, number, around)
                if len(stays) < node.size:
                    kept[number] = stays
    return restrict(problem, kept) if kept else None


def _around(problem: Problem) -> _Around:
    every = range(len(problem.nodes))
    around = _Around(
        [[] for _ in every], [[] for _ in every], [[] for _ in every], [[] for _ in every]
    )
    for edge in problem.edges:
        around.edges[edge.u].append(edge)
        around.edges[edge.v].append(edge.turned())
    for use in problem.node_uses:
        around.uses[use.node].append(use)
    for pair in problem.edge_uses:
        edge = problem.edges[pair.edge]
        around.edge_uses[edge.u].append((edge.labels_u, pair.amounts))
        around.edge_uses[edge.v].append((edge.labels_v, pair.amounts.T))
    for pin in problem.pins:
        for number, mask in pin.breaks.items():
            around.masks[number].append(mask)
    return around


def _staying(costs: Floats, number: int, around: _Around) -> Labels:
    """The strategies of one node that no other one replaces."""
    size, edges = len(costs), around.edges[number]
    s, t = _taking_no_more(size, number, around)
    bound = _change(costs, edges, s, t, _at_best_label) <= 0
    s, t = s[bound], t[bound]
    if not len(s) or len(s) * sum(edge.table.shape[1] for edge in edges) > CELLS:
        return np.arange(size)
    surely = _change(costs, edges, s, t, _at_worst_label) <= 0
    may = np.zeros((size, size), dtype=np.bool_)
    may[s[surely], t[surely]] = True
    return _not_replaced(may)


def _taking_no_more(size: int, number: int, around: _Around) -> tuple[Labels, Labels]:
    """Pairs s, t such that t uses no more than s anywhere and breaks no pin that s does not."""
    rows: list[Floats | Bools] = [use.amounts for use in around.uses[number]]
    rows += around.masks[number]
    for labels, amounts in around.edge_uses[number]:
        rows += list(amounts.T[:, labels])
    taken = np.array(rows, dtype=np.float64).reshape(-1, size)
    total = taken.sum(axis=0)
    may = total <= total[:, None]
    np.fill_diagonal(may, False)
    s, t = np.nonzero(may)
    while len(s) and len(taken):
        block = 1 + CELLS // len(s)
        fits = (taken[:block, t] <= taken[:block, s]).all(axis=0)
        s, t, taken = s[fits], t[fits], taken[block:]
    return s, t


def _change(costs: Floats, edges: list[Edge], s: Labels, t: Labels, along: _Along) -> Floats:
    """[pair]: the change of value when t replaces s, where `along` gives that of one edge."""
    change: Floats = costs[t] - costs[s]
    for edge in edges:
        change += along(edge.table, edge.labels_u[s], edge.labels_u[t])
    return change


def _at_best_label(table: Floats, s: Labels, t: Labels) -> Floats:
    """[pair]: the change of an edge at the label that is best for s."""
    best = table.argmin(axis=1)[s]
    change: Floats = table[t, best] - table[s, best]
    return change


def _at_worst_label(table: Floats, s: Labels, t: Labels) -> Floats:
    """[pair]: the largest change of an edge; `fmax` leaves out infinity - infinity."""
    change: Floats = np.fmax.reduce(table[t] - table[s], axis=1)
    return change


def _not_replaced(may: Bools) -> Labels:
    """The strategies that stay, from [s, t]: whether t may replace s."""
    earlier = np.tri(len(may), k=-1, dtype=np.bool_)
    stays = ~(may & (earlier | ~may.T)).any(axis=1)
    return np.flatnonzero(stays | ~(may & stays).any(axis=1))
