"""A plan at tiny sizes: the same graph, cuts, layouts and order, indices as small as cuts allow.

Every class of indices keeps its digits, and has two rows for each combination of them, more where a
kind asks for it: a concatenation is as long as its parts, experts have room for their tokens.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace

from dsl.spec import Graph, Index, Operator, Tensor
from solver.execution.ranks.digits import Digits, IndivisibleError, Node, digits
from solver.verify.layouts import product, ways
from solver.verify.plan import Plan, join
from solver.verify.proposal import propose
from solver.verify.storage import hold

_ROUNDS = 200


def small(plan: Plan) -> Plan:
    """The plan at tiny sizes. Raises IndivisibleError where there are none."""
    found = digits(plan)
    sizes = _sizes(plan, found)
    graph = plan.spec.graph
    count = plan.frame.microbatches

    def resized(index: Index, node: Node) -> Index:
        size = sizes[found.classes[node]]
        return replace(index, size=size * count if index.batch else size)

    def tensor(one: Tensor) -> Tensor:
        dims = enumerate(one.dims)
        return replace(one, dims=tuple(resized(d, ("tensor", one.name, at)) for at, d in dims))

    def operator(one: Operator) -> Operator:
        nodes = [(index, ("index", one.name, index.name)) for index in one.indices]
        return replace(one, indices=tuple(resized(index, node) for index, node in nodes))

    smaller = Graph(
        tuple(map(operator, graph.operators)),
        {name: tensor(one) for name, one in graph.tensors.items()},
        graph.units,
        graph.outputs,
    )
    return join(propose(plan.decisions, replace(plan.spec, graph=smaller)))


def _sizes(plan: Plan, found: Digits) -> dict[Node, int]:
    """The size of every class in a micro-batch: its digits, times a few rows."""
    least = {root: math.prod(radices[:-1]) for root, radices in found.radices.items()}
    rows = {root: min(2, radices[-1]) for root, radices in found.radices.items()}
    for _ in range(_ROUNDS):
        changed = False
        for operator in plan.spec.graph.operators:
            names = {i.name: found.index(operator.name, i.name) for i in operator.indices}
            sizes = {name: least[root] * rows[root] for name, root in names.items()}
            for name in _too_small(operator, sizes, names, rows):
                rows[names[name]] += 1
                changed = True
        for root in _uneven(plan, found, least, rows):
            rows[root] += 1
            changed = True
        if not changed:
            return {root: least[root] * rows[root] for root in least}
    raise IndivisibleError("no small sizes have the sums that the model needs")


def _uneven(
    plan: Plan, found: Digits, least: Mapping[Node, int], rows: Mapping[Node, int]
) -> list[Node]:
    """The last dimensions of parameters that do not divide by the devices that store them."""
    larger: list[Node] = []
    for name in plan.wiring.parameters:
        held = hold(plan, name)
        count = len(plan.spec.graph.tensors[name].dims)
        roots = [found.of(name, at) for at in range(count)]
        elements = math.prod(least[root] * rows[root] for root in roots)
        if elements // ways(held.used, plan.frame) % product(held.optimizer):
            larger.append(roots[-1])
    return list(dict.fromkeys(larger))


def _too_small(
    operator: Operator,
    sizes: Mapping[str, int],
    roots: Mapping[str, Node],
    rows: Mapping[Node, int],
) -> list[str]:
    """The indices of an operator that must be larger."""
    reads = [use.indices for use in operator.inputs]
    made = operator.results[0].indices
    kind = operator.kind
    if kind in ("concat", "join_key", "prepend"):
        at = -1 if kind == "join_key" else -2
        parts = [reads[0][at]] + ([] if kind == "prepend" else [reads[1][at]])
        wanted = sum(sizes[part] for part in parts) + (kind == "prepend")
        if sizes[made[at]] != wanted:
            return [made[at]] if sizes[made[at]] < wanted else parts[-1:]
    if kind == "position_add" and sizes[reads[1][0]] < sizes[reads[0][1]]:
        return [reads[1][0]]
    if kind == "slice" and sizes[reads[0][-2]] < sizes[made[-2]]:
        return [reads[0][-2]]
    if kind == "rope" and sizes[reads[0][-1]] % 2:
        return [reads[0][-1]]
    if kind == "dispatch":
        batch, row, _ = reads[0]
        expert, place, _ = made
        if rows[roots[row]] % sizes[expert]:
            return [row]
        if sizes[place] * sizes[expert] < sizes[batch] * sizes[row]:
            return [place]
    return []
