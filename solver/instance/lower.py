"""An instance as the engine's problem, and the engine's answer as strategies of the instance.

Nodes keep their numbers. Memory is one resource. Between two neighbouring times at which some
interval starts or ends the live nodes do not change, so one point stands for that whole stretch:
its use is that of every time in it. An edge from a node to itself costs its diagonal, which is a
cost of the node.
"""

from __future__ import annotations

from functools import cache

import numpy as np

from solver.engine.problem import (
    Bools,
    Edge,
    Floats,
    Labels,
    Node,
    NodeUse,
    Pin,
    Problem,
    Resource,
    Selection,
    identity,
)
from solver.instance.instance import Instance, Ints, NodePin


def lower(instance: Instance) -> Problem:
    """The problem whose selections and values are those of the instance."""
    costs = _node_costs(instance)
    nodes = tuple(
        Node(f"node {number}", costs[start : start + size])
        for number, (start, size) in enumerate(_stretches(instance))
    )
    pins = tuple(Pin(pin.name, _breaks(pin, instance), pin.weight) for pin in instance.pins)
    times = points(instance)
    if np.isinf(instance.limit) or not len(times):
        return Problem(nodes, _edges(instance), pins=pins)
    memory = Resource("memory", np.full(len(times), instance.limit), instance.price)
    return Problem(nodes, _edges(instance), (memory,), _uses(instance, times), pins=pins)


def strategies(selection: Selection) -> list[int]:
    """The inverse: the strategy of every node of the instance that a selection stands for."""
    chosen: list[int] = selection.tolist()
    return chosen


def points(instance: Instance) -> Ints:
    """[point]: the first time of the stretch it stands for; live nodes change only there."""
    alive = instance.intervals[instance.intervals[:, 0] < instance.intervals[:, 1]]
    return np.unique(alive)[:-1]  # after the last end nothing lives


def _stretches(instance: Instance) -> list[tuple[int, int]]:
    return list(zip(instance.starts.tolist(), instance.sizes.tolist(), strict=True))


def _node_costs(instance: Instance) -> Floats:
    loops = np.flatnonzero(instance.ends[:, 0] == instance.ends[:, 1])
    if not len(loops):
        return instance.costs
    costs = instance.costs.copy()
    for edge in loops.tolist():
        node = int(instance.ends[edge, 0])
        start, size, cell = instance.starts[node], instance.sizes[node], instance.cells[edge]
        costs[start : start + size] += instance.tables[cell : cell + size * size : size + 1]
    return costs


def _edges(instance: Instance) -> tuple[Edge, ...]:
    labels = cache(_shared_identity)
    sizes, cells = instance.sizes.tolist(), instance.cells.tolist()
    made = []
    for (u, v), cell in zip(instance.ends.tolist(), cells, strict=True):
        if u != v:
            table = instance.tables[cell : cell + sizes[u] * sizes[v]]
            table = table.reshape(sizes[u], sizes[v])
            made.append(Edge(u, v, labels(sizes[u]), labels(sizes[v]), table))
    return tuple(made)


def _shared_identity(size: int) -> Labels:
    """One array for all nodes of a size; nobody writes to it."""
    labels = identity(size)
    labels.setflags(write=False)
    return labels


def _uses(instance: Instance, times: Ints) -> tuple[NodeUse, ...]:
    spans = np.searchsorted(times, instance.intervals).tolist()
    return tuple(
        NodeUse(0, first, last, node, instance.usages[start : start + size])
        for node, ((first, last), (start, size)) in enumerate(
            zip(spans, _stretches(instance), strict=True)
        )
        if first < last
    )


def _breaks(pin: NodePin, instance: Instance) -> dict[int, Bools]:
    breaks = {}
    for node, allowed in pin.nodes:
        mask = np.ones(int(instance.sizes[node]), dtype=np.bool_)
        mask[list(allowed)] = False
        breaks[node] = mask
    return breaks
