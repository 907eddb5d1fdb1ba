"""Sum edges between the same two nodes into one.

Statement: several edges between u and v become one, whose labels are the coarsest ones that tell
apart all strategies that some of them tells apart; its table is the sum of theirs. Uses of the
edges become uses of the sum, those over the same interval one.

Proof: each table is constant over pairs of the finer labels, so the entry of the sum at a pair of
strategies is the sum of their entries there; likewise the uses.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from solver.engine.problem import Edge, EdgeUse, Floats, Labels, Problem
from solver.engine.reduce.step import Step


def parallel(problem: Problem) -> Step | None:
    """Sum parallel edges."""
    groups: dict[tuple[int, int], list[int]] = {}
    for number, edge in enumerate(problem.edges):
        groups.setdefault((min(edge.u, edge.v), max(edge.u, edge.v)), []).append(number)
    if len(groups) == len(problem.edges):
        return None
    edges: list[Edge] = []
    sums: dict[int, tuple[int, _Sum | None]] = {}
    for (u, _), members in groups.items():
        first = problem.edges[members[0]]
        summed = None
        if len(members) > 1:
            summed = _Sum.of([_from(u, problem.edges[k]) for k in members])
            first = summed.edge([_from(u, problem.edges[k]) for k in members])
        sums.update((k, (len(edges), summed)) for k in members)
        edges.append(first)
    reduced = replace(problem, edges=tuple(edges), edge_uses=_edge_uses(problem, sums))
    return Step(reduced, lambda selection: selection)


def _from(u: int, edge: Edge) -> Edge:
    return edge if edge.u == u else edge.turned()


@dataclass(frozen=True, slots=True, eq=False)
class _Sum:
    """The labels of a sum of edges from `u`, and a strategy that holds each."""

    u: int
    labels_u: Labels
    labels_v: Labels
    holders_u: Labels
    holders_v: Labels

    @staticmethod
    def of(edges: Sequence[Edge]) -> _Sum:
        """The sum of these edges, which all lead from one node to one other."""
        labels_u = _refined([edge.labels_u for edge in edges])
        labels_v = _refined([edge.labels_v for edge in edges])
        return _Sum(edges[0].u, labels_u, labels_v, _holders(labels_u), _holders(labels_v))

    def spread(self, edge: Edge, table: Floats) -> Floats:
        """The table of one of the edges over the labels of the sum."""
        return table[edge.labels_u[self.holders_u][:, None], edge.labels_v[self.holders_v]]

    def edge(self, edges: Sequence[Edge]) -> Edge:
        """The sum itself."""
        table = self.spread(edges[0], edges[0].table)
        for other in edges[1:]:
            table = table + self.spread(other, other.table)
        return Edge(self.u, edges[0].v, self.labels_u, self.labels_v, table)


def _refined(labels: Sequence[Labels]) -> Labels:
    """The coarsest labels that are as fine as all of these."""
    fine = labels[0]
    for other in labels[1:]:
        if fine.max() + 1 == len(fine):
            break
        fine = np.unique(fine * (other.max() + 1) + other, return_inverse=True)[1]
    return fine


def _holders(labels: Labels) -> Labels:
    """[label]: a strategy that holds it."""
    holders = np.empty(labels.max() + 1, dtype=np.intp)
    holders[labels] = np.arange(len(labels))
    return holders


def _edge_uses(problem: Problem, sums: dict[int, tuple[int, _Sum | None]]) -> tuple[EdgeUse, ...]:
    """The uses at the new edges; those over the same interval of one edge are summed."""
    total: dict[tuple[int, int, int, int], Floats] = {}
    for use in problem.edge_uses:
        number, summed = sums[use.edge]
        amounts = use.amounts
        if summed is not None:
            edge = problem.edges[use.edge]
            turned = edge.u != summed.u
            amounts = summed.spread(_from(summed.u, edge), amounts.T if turned else amounts)
        key = (use.resource, use.start, use.stop, number)
        total[key] = total[key] + amounts if key in total else amounts
    return tuple(EdgeUse(*key, amounts) for key, amounts in total.items())
