"""Eliminate nodes with at most one neighbour when their best answer to it is also their smallest.

A node v that no pin names, with one edge, to u: for each label a of u let

    m[a, j] = table[a, label of j] + cost of j,      best(a) = a strategy j of least m[a, j].

If for every a, every use of v and every use of the edge, best(a) takes no more than any j with a
finite m[a, j] (interval by interval, strategy by strategy), then v goes: m[a, best(a)] is added to
the cost of each strategy of u with label a, and the amounts of best(a) become uses of u.

*Proof.* In any feasible selection u has some label a and v some j with a finite m[a, j]. Replacing
j by best(a) does not raise the cost, nor any use at any point, so the selection stays feasible and
its value does not grow. So some optimal selection has v at best(a), and selections with v at
best(a) are in bijection with those of the reduced problem, of the same value. Where m[a, .] is
infinite throughout, u's strategies with label a become forbidden.

A node without edges is the same with one label; its cost becomes constant and its amounts go from
the capacities. Nodes whose neighbour has gone are looked at again, so that trees collapse from
their leaves up. Several edges between the same two nodes are left to the pass that sums them.
"""

from __future__ import annotations

import math
from collections import deque

import numpy as np

from solver.engine.problem import Edge, Floats, Labels, Problem
from solver.engine.reduce.draft import Draft, Span
from solver.engine.reduce.step import Infeasible, Step


def leaves(problem: Problem) -> Step | None:
    """Eliminate leaves and isolated nodes, trees from the leaves up.

    Raises `Infeasible` when an isolated node has only forbidden strategies.
    """
    draft = Draft(problem)
    waiting = deque(range(len(problem.nodes)))
    while waiting:
        node = waiting.popleft()
        if len(draft.around[node]) > 1 or not draft.may_go(node):
            continue
        if not draft.around[node]:
            _drop_isolated(draft, node)
        else:
            edge = draft.edge_from(next(iter(draft.around[node])), node)
            if _fold(draft, node, edge.turned()):
                waiting.append(edge.v)
    return draft.step()


def _drop_isolated(draft: Draft, node: int) -> None:
    costs, uses = draft.costs[node], draft.uses[node]
    best = _best(costs[None], [amounts[None] for amounts in uses.values()])
    if best is None:
        return
    choice = int(best[0])
    if math.isinf(costs[choice]):
        raise Infeasible(draft.name(node))
    draft.constant += float(costs[choice])
    for span, amounts in uses.items():
        draft.take(span, float(amounts[choice]))
    draft.remove(node, lambda _: choice)


def _fold(draft: Draft, node: int, edge: Edge) -> bool:
    """Eliminate the leaf `edge.v` into `edge.u`, if its best answers are its smallest."""
    matrix = edge.table[:, edge.labels_v] + draft.costs[node]
    uses = _uses(draft, node, edge)
    best = _best(matrix, [amounts for _, amounts in uses])
    if best is None:
        return False
    labels, rows, host = edge.labels_u, np.arange(len(matrix)), edge.u
    draft.costs[host] = draft.costs[host] + matrix[rows, best][labels]
    for span, amounts in uses:
        draft.move_use(host, span, amounts[rows, best][labels])
    answers = best[labels]
    draft.remove(node, lambda selection: int(answers[selection[host]]))
    return True


def _uses(draft: Draft, node: int, edge: Edge) -> list[tuple[Span, Floats]]:
    """The uses of a leaf and of its edge; amounts are [label of u, strategy of the leaf]."""
    (number,) = draft.around[node]
    shape = (len(edge.table), len(edge.labels_v))
    uses = [(span, np.broadcast_to(a, shape)) for span, a in draft.uses[node].items()]
    turned = draft.edges[number].v != node
    for pair in draft.edge_uses.get(number, ()):
        amounts = pair.amounts.T if turned else pair.amounts
        uses.append(((pair.resource, pair.start, pair.stop), amounts[:, edge.labels_v]))
    return uses


def _best(matrix: Floats, uses: list[Floats]) -> Labels | None:
    """[row]: the cheapest strategy, smallest among equals; None where one is not smallest of all.

    `matrix` and every member of `uses` is [label of the neighbour, strategy].
    """
    best: Labels = matrix.argmin(axis=1)
    if not uses:
        return best
    is_cheapest = matrix == matrix.min(axis=1, keepdims=True)
    best = np.where(is_cheapest, np.sum(uses, axis=0), np.inf).argmin(axis=1)
    forbidden = np.isinf(matrix)
    for amounts in uses:
        least = amounts[np.arange(len(best)), best]
        if not ((amounts >= least[:, None]) | forbidden).all():
            return None
    return best
