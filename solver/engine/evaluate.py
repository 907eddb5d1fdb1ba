"""The value of a selection, by the definition in `solver.engine.problem` and nothing else."""

from __future__ import annotations

import math

import numpy as np

from solver.engine.problem import Floats, Problem, Selection


def use(problem: Problem, selection: Selection) -> list[Floats]:
    """Per resource, its use at every point."""
    steps = [np.zeros(len(r.capacity) + 1) for r in problem.resources]
    for taken in problem.node_uses:
        amount = taken.amounts[selection[taken.node]]
        steps[taken.resource][taken.start] += amount
        steps[taken.resource][taken.stop] -= amount
    for pair in problem.edge_uses:
        edge = problem.edges[pair.edge]
        amount = pair.amounts[edge.labels_u[selection[edge.u]], edge.labels_v[selection[edge.v]]]
        steps[pair.resource][pair.start] += amount
        steps[pair.resource][pair.stop] -= amount
    return [np.cumsum(step)[:-1] for step in steps]


def overflows(problem: Problem, selection: Selection) -> list[float]:
    """Per resource, the largest excess of its use over its capacity (zero: it fits)."""
    return [
        max(0.0, float((used - resource.capacity).max(initial=-math.inf)))
        for used, resource in zip(use(problem, selection), problem.resources, strict=True)
    ]


def broken(problem: Problem, selection: Selection) -> list[bool]:
    """Per pin, whether a selection breaks it."""
    return [
        any(bool(mask[selection[node]]) for node, mask in pin.breaks.items())
        for pin in problem.pins
    ]


def choice_cost(problem: Problem, selection: Selection) -> float:
    """Node and edge costs, and the constant; infinite when something forbidden is chosen."""
    parts = [float(n.costs[k]) for n, k in zip(problem.nodes, selection, strict=True)]
    parts += [e.at(int(selection[e.u]), int(selection[e.v])) for e in problem.edges]
    return math.fsum([problem.constant, *parts])


def value(problem: Problem, selection: Selection) -> float:
    """The objective; infinite when a hard pin, a hard capacity or a forbidden cost is violated."""
    total = [choice_cost(problem, selection)]
    for resource, over in zip(problem.resources, overflows(problem, selection), strict=True):
        if over > 0:
            total.append(over * resource.price)
    for pin, is_broken in zip(problem.pins, broken(problem, selection), strict=True):
        if is_broken:
            total.append(pin.weight)
    return math.inf if any(math.isinf(x) for x in total) else math.fsum(total)
