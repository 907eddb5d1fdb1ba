"""Soft pins as nodes, so that what follows knows nodes and edges alone.

A pin on one node is that node's cost: its weight is added to the strategies that break it. A pin on
several becomes a node with the strategies "kept" (cost 0) and "broken" (its weight), and an edge to
every node it names: "kept" with a breaking strategy is forbidden.

*Proof.* A selection that keeps the pin extends by "kept" at no cost; one that breaks it only by
"broken", for the weight; "broken" without a break costs more and is never needed. So the least
values agree, and leaving the new node out never raises a value. A hard pin has an infinite weight,
so "broken" is forbidden.

This runs after all reductions, so none of them reaches past a pin.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from solver.engine.problem import Edge, Node, Pin, Problem, identity
from solver.engine.reduce.step import Step


def pins(problem: Problem) -> Step | None:
    """The problem without pins; None when it has none."""
    if not problem.pins:
        return None
    nodes, edges = list(problem.nodes), list(problem.edges)
    for pin in problem.pins:
        if len(pin.breaks) == 1:
            [(number, mask)] = pin.breaks.items()
            node = nodes[number]
            nodes[number] = replace(node, costs=np.where(mask, node.costs + pin.weight, node.costs))
        elif pin.breaks:
            edges += _edges(pin, len(nodes))
            nodes.append(Node(pin.name, np.array([0.0, pin.weight])))
    count = len(problem.nodes)
    made = replace(problem, nodes=tuple(nodes), edges=tuple(edges), pins=())
    return Step(made, lambda selection: selection[:count])


def _edges(pin: Pin, number: int) -> list[Edge]:
    table = np.array([[0.0, np.inf], [0.0, 0.0]])
    return [_edge(number, node, np.asarray(mask), table) for node, mask in pin.breaks.items()]


def _edge(pin: int, node: int, mask: np.ndarray, table: np.ndarray) -> Edge:
    if mask.all():  # every label must be that of some strategy
        return Edge(pin, node, identity(2), np.zeros(len(mask), dtype=np.intp), table[:, 1:])
    if not mask.any():
        return Edge(pin, node, identity(2), np.zeros(len(mask), dtype=np.intp), table[:, :1])
    return Edge(pin, node, identity(2), mask.astype(np.intp), table)
