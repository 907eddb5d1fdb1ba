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
pin breaks. So the value does not grow. A strategy that cannot be part of a feasible selection (its
cost, or a whole row of it, is infinite) may be replaced by any other.

Strategies are looked at from the last to the first, and one goes only if a strategy that is still
there may replace it. So a chain of replacements always ends at one that stays (no cycle is
possible, whatever the rounding), and of equal strategies the first stays. Nodes are treated one
after the other: a replacement that holds beside every label of a neighbour also holds beside those
that are left.

Work: pairs (s, t) are sieved by uses and pins, then by one label per edge, that which is best for
s, and only what is left is compared over all labels. A node for which that still takes more than
`CELLS` comparisons is left alone.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from solver.engine.problem import Bools, Edge, Floats, Labels, NodeUse, Problem
from solver.engine.reduce.restrict import restrict
from solver.engine.reduce.step import Step

CELLS = 1 << 22
"""Most comparisons (pairs of strategies times labels of the neighbours) for one node."""


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
    edges = around.edges[number]
    possible = np.isfinite(costs)
    for edge in edges:
        possible &= np.isfinite(edge.table.min(axis=1))[edge.labels_u]
    alive = np.flatnonzero(possible)
    if not len(alive):
        return np.zeros(1, dtype=np.intp)
    may = _takes_no_more(alive, number, around)
    np.fill_diagonal(may, False)
    if not may.any():
        return alive
    labels = [edge.labels_u[alive] for edge in edges]
    tables = [edge.table for edge in edges]
    may &= _change_at_best_label(costs[alive], labels, tables) <= 0
    s, t = np.nonzero(may)
    if not len(s) or len(s) * sum(table.shape[1] for table in tables) > CELLS:
        return alive
    may[s, t] = _largest_change(costs[alive], labels, tables, s, t) <= 0
    return alive[_not_replaced(may)]


def _takes_no_more(alive: Labels, number: int, around: _Around) -> Bools:
    """[s, t]: whether t uses no more than s anywhere and breaks no pin that s does not."""
    may = np.ones((len(alive), len(alive)), dtype=np.bool_)
    columns: list[Floats | Bools] = [use.amounts for use in around.uses[number]]
    columns += around.masks[number]
    for labels, amounts in around.edge_uses[number]:
        columns += list(amounts.T[:, labels])
    for column in columns:
        mine = column[alive]
        may &= mine <= mine[:, None]
    return may


def _change_at_best_label(costs: Floats, labels: list[Labels], tables: list[Floats]) -> Floats:
    """[s, t]: no more than the largest change when t replaces s, from one label per edge."""
    change: Floats = costs - costs[:, None]
    for mine, table in zip(labels, tables, strict=True):
        best = table.argmin(axis=1)
        at_best = table[:, best].T
        change += (at_best - at_best.diagonal()[:, None])[mine[:, None], mine]
    return change


def _largest_change(
    costs: Floats, labels: list[Labels], tables: list[Floats], s: Labels, t: Labels
) -> Floats:
    """[pair]: how much the value may grow when t replaces s; `fmax` skips infinity - infinity."""
    change: Floats = costs[t] - costs[s]
    for mine, table in zip(labels, tables, strict=True):
        change += np.fmax.reduce(table[mine[t]] - table[mine[s]], axis=1)
    return change


def _not_replaced(may: Bools) -> Labels:
    """The strategies that stay, from [s, t]: whether t may replace s."""
    stays = np.ones(len(may), dtype=np.bool_)
    for s in np.flatnonzero(may.any(axis=1))[::-1]:
        stays[s] = not (may[s] & stays).any()
    return np.flatnonzero(stays)
