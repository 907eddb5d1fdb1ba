"""Move what does not couple nodes to where it belongs, and remove nodes without a choice.

Statement, in this order:

1. A use of an edge whose amounts are a_i + b_j becomes uses a of one end and b of the other.
2. An edge without uses whose table is t_ij = a_i + b_j becomes node costs a and b. An edge with a
   single label at one end, as that of a node with one strategy, is the special case a = 0.
3. A node use of equal amounts is subtracted from the capacity over its interval.
4. A node with one strategy that no pin names goes; its cost is added to the constant.

Proof: 1 and 2 rewrite sums term by term; the equality is tested entry by entry, exactly. 3: use and
capacity fall by the same amount at the same points whatever is selected, so that the excess, all
that counts of a hard or soft resource, stays. 4: after 1 and 2 such a node has no edge left, and
after 3 no use, so its cost is all it contributes; the way back gives it its only strategy.
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from solver.engine.problem import (
    Bools,
    Edge,
    EdgeUse,
    Floats,
    Labels,
    Node,
    NodeUse,
    Problem,
    Resource,
    Selection,
)
from solver.engine.reduce.flat import offsets
from solver.engine.reduce.step import Infeasible, Restore, Step


def constants(problem: Problem) -> Step | None:
    """Fold separable tables, uses without a choice, and nodes without one."""
    unloaded = _without_separable_uses(problem)
    unlinked = _without_separable_edges(unloaded)
    folded = _without_constant_uses(unlinked)
    step = _without_fixed_nodes(folded)
    return None if step.problem is problem else step


def _split(table: Floats) -> tuple[Floats, Floats] | None:
    """a and b with table = a_i + b_j in every entry; None where there are none."""
    if table.shape[0] == 1:
        return np.zeros(1), table[0]
    if table.shape[1] == 1:
        return table[:, 0], np.zeros(1)
    if table[0, 0] + table[-1, -1] != table[0, -1] + table[-1, 0]:
        return None
    if math.isinf(table.max()):
        return None
    a = table.min(axis=1)
    b = table[0] - a[0]
    return (a, b) if (a[:, None] + b == table).all() else None


def _without_separable_uses(problem: Problem) -> Problem:
    left: list[EdgeUse] = []
    moved: list[NodeUse] = []
    for use in problem.edge_uses:
        parts = _split(use.amounts)
        if parts is None:
            left.append(use)
            continue
        edge = problem.edges[use.edge]
        for node, amounts in zip(
            (edge.u, edge.v), (parts[0][edge.labels_u], parts[1][edge.labels_v]), strict=True
        ):
            moved.append(NodeUse(use.resource, use.start, use.stop, node, amounts))
    if not moved:
        return problem
    return replace(problem, edge_uses=tuple(left), node_uses=(*problem.node_uses, *moved))


def _without_separable_edges(problem: Problem) -> Problem:
    loaded = {use.edge for use in problem.edge_uses}
    costs = [node.costs for node in problem.nodes]
    left = []
    for number, edge in enumerate(problem.edges):
        parts = None if number in loaded else _split(edge.table)
        if parts is None:
            left.append(number)
            continue
        costs[edge.u] = costs[edge.u] + parts[0][edge.labels_u]
        costs[edge.v] = costs[edge.v] + parts[1][edge.labels_v]
    if len(left) == len(problem.edges):
        return problem
    number_of = {old: new for new, old in enumerate(left)}
    return replace(
        problem,
        nodes=tuple(map(_with_costs, problem.nodes, costs)),
        edges=tuple(problem.edges[number] for number in left),
        edge_uses=tuple(replace(use, edge=number_of[use.edge]) for use in problem.edge_uses),
    )


def _with_costs(node: Node, costs: Floats) -> Node:
    return node if node.costs is costs else Node(node.name, costs)


def _without_constant_uses(problem: Problem) -> Problem:
    constant = _constant(problem.node_uses)
    if not constant.any():
        return problem
    taken = [np.zeros(len(resource.capacity) + 1) for resource in problem.resources]
    for number in np.flatnonzero(constant):
        use = problem.node_uses[number]
        taken[use.resource][use.start] += use.amounts[0]
        taken[use.resource][use.stop] -= use.amounts[0]
    return replace(
        problem,
        node_uses=tuple(
            use for use, gone in zip(problem.node_uses, constant.tolist(), strict=True) if not gone
        ),
        resources=tuple(map(_less, problem.resources, taken)),
    )


def _constant(uses: tuple[NodeUse, ...]) -> Bools:
    """[use]: whether all amounts are equal."""
    if not uses:
        return np.zeros(0, dtype=bool)
    first = offsets(np.array([len(use.amounts) for use in uses], dtype=np.intp))[:-1]
    amounts = np.concatenate([use.amounts for use in uses])
    constant: Bools = np.minimum.reduceat(amounts, first) == np.maximum.reduceat(amounts, first)
    return constant


def _less(resource: Resource, steps: Floats) -> Resource:
    if not steps.any():
        return resource
    return replace(resource, capacity=resource.capacity - np.cumsum(steps)[:-1])


def _without_fixed_nodes(problem: Problem) -> Step:
    """The step that drops fixed nodes without edges, uses and pins; the same problem if none."""
    pinned = {node for pin in problem.pins for node in pin.breaks}
    linked = {end for edge in problem.edges for end in (edge.u, edge.v)}
    held = pinned | linked | {use.node for use in problem.node_uses}
    gone = {v for v, node in enumerate(problem.nodes) if node.size == 1 and v not in held}
    if not gone:
        return Step(problem, lambda selection: selection)
    kept = [v for v in range(len(problem.nodes)) if v not in gone]
    number_of = {old: new for new, old in enumerate(kept)}
    reduced = Problem(
        tuple(problem.nodes[v] for v in kept),
        tuple(
            Edge(number_of[edge.u], number_of[edge.v], edge.labels_u, edge.labels_v, edge.table)
            for edge in problem.edges
        ),
        problem.resources,
        tuple(
            NodeUse(use.resource, use.start, use.stop, number_of[use.node], use.amounts)
            for use in problem.node_uses
        ),
        problem.edge_uses,
        tuple(
            replace(pin, breaks={number_of[v]: mask for v, mask in pin.breaks.items()})
            for pin in problem.pins
        ),
        problem.constant + math.fsum(float(problem.nodes[v].costs[0]) for v in sorted(gone)),
    )
    if math.isinf(reduced.constant):
        raise Infeasible("a cost that every selection has is infinite")
    return Step(reduced, _refill(len(problem.nodes), np.array(kept, dtype=np.intp)))


def _refill(count: int, kept: Labels) -> Restore:
    def restore(selection: Selection) -> Selection:
        full = np.zeros(count, dtype=np.intp)
        full[kept] = selection
        return full

    return restore
