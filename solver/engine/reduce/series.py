"""Eliminate nodes between two neighbours whose uses do not depend on their strategy.

A node v that no pin names, with exactly two edges, to different nodes u and w, none of which has
uses: v is replaced by one edge from u to w with the min-plus product

    table[a, b] = min over j of (table_u[a, label of j] + cost of j + table_w[label of j, b]).

*Proof.* For fixed strategies of all others, with labels a of u and b of w, what v adds to the value
is the term in brackets for its strategy j, and its uses are the same for all j, so that taking j of
least term is best and always allowed; the minimum is then exactly what the new edge costs. Uses of
v, being constant, are subtracted from the capacities. The way back takes the j of least term.

Chains collapse to one edge. The new table must have no more cells than the two old ones together,
and the product must take no more than `TERMS` terms; otherwise the node stays.
"""

from __future__ import annotations

from collections import deque

import numpy as np

from solver.engine.problem import Edge, Floats, Labels, Problem
from solver.engine.reduce.draft import Draft
from solver.engine.reduce.step import Step

TERMS = 1 << 21
"""Most terms (labels of u times labels of w times strategies of v) of one product."""


def series(problem: Problem) -> Step | None:
    """Eliminate nodes of neutral use between two neighbours."""
    draft = Draft(problem)
    waiting = deque(range(len(problem.nodes)))
    while waiting:
        node = waiting.popleft()
        if len(draft.around[node]) == 2 and draft.may_go(node):
            waiting.extend(_shorten(draft, node))
    return draft.step()


def _shorten(draft: Draft, node: int) -> tuple[int, ...]:
    """Eliminate a node if allowed; the neighbours, to be looked at again."""
    numbers = tuple(draft.around[node])
    to_u, to_w = (draft.edge_from(number, node) for number in numbers)
    if to_u.v == to_w.v or any(number in draft.edge_uses for number in numbers):
        return ()
    uses = draft.uses[node].items()
    if not all((amounts == amounts[0]).all() for _, amounts in uses):
        return ()
    if not _is_small(to_u, to_w):
        return ()
    table, answers = _product(to_u, draft.costs[node], to_w)
    for span, amounts in uses:
        draft.take(span, float(amounts[0]))
    u, w, labels_u, labels_w = to_u.v, to_w.v, to_u.labels_v, to_w.labels_v
    draft.remove(
        node, lambda selection: int(answers[labels_u[selection[u]], labels_w[selection[w]]])
    )
    draft.add_edge(Edge(u, w, labels_u, labels_w, table))
    return u, w


def _is_small(to_u: Edge, to_w: Edge) -> bool:
    cells: int = to_u.table.shape[1] * to_w.table.shape[1]
    if cells * len(to_u.labels_u) > TERMS:
        return False
    return bool(cells <= to_u.table.size + to_w.table.size)


def _product(to_u: Edge, costs: Floats, to_w: Edge) -> tuple[Floats, Labels]:
    """The min-plus product and its strategies, both [label of u, label of w]."""
    left = to_u.table[to_u.labels_u].T + costs
    right = to_w.table[to_w.labels_u].T
    terms = left[:, None, :] + right[None, :, :]
    answers = terms.argmin(axis=2)
    return np.take_along_axis(terms, answers[:, :, None], axis=2)[:, :, 0], answers
