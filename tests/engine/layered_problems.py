"""Larger problems of repeated layers, whose optimum is known because it is planted.

Take any costs c >= 0 that are 0 for one selection x, and prices p >= 0 per point. With node costs
less p . use, capacities that equal the use of x wherever p > 0, and no less elsewhere,

    value(y) = c(y) - p . use(y) >= -p . use(y) >= -p . capacity = value(x)

for every y that fits. Moving costs from nodes to edges and adding constants hides x without
changing differences.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from solver.engine.evaluate import choice_cost, use
from solver.engine.problem import (
    Edge,
    Floats,
    Node,
    NodeUse,
    Problem,
    Resource,
    Selection,
    plain_edge,
)

LIVE = 2  # layers during which a node's memory is held
CROSSING = 2  # edges per node
MOVED = 60  # the most that is moved from a node to an edge


def layered_problem(
    seed: int, layers: int = 10, width: int = 8, size: int = 5, worth: float = 5.0
) -> tuple[Problem, Selection]:
    """Layers of `width` nodes of `size` strategies, all alike, and an optimal selection.

    One hard resource binds at every second point. The optimum is `worth` per node; selections
    at random are about 10 per node above it. All numbers are integers.
    """
    rng = np.random.default_rng(seed)
    star = rng.integers(size, size=width)
    prices = np.where(np.arange(layers + LIVE - 1) % 2 == 0, 4.0, 0.0)
    amounts = [rng.integers(1, 9, size=size).astype(float) for _ in range(width)]
    costs = np.array([[_planted(rng, (size,), star[[n]]) for n in range(width)]] * layers)
    edges = _edges(rng, costs, star)
    uses = []
    for layer in range(layers):
        for n in range(width):
            costs[layer, n] -= prices[layer : layer + LIVE].sum() * amounts[n]
            uses.append(NodeUse(0, layer, layer + LIVE, len(uses), amounts[n]))
    costs -= costs.min()
    nodes = tuple(Node(f"n{k}", own) for k, own in enumerate(costs.reshape(-1, size)))
    chosen = np.tile(star, layers).astype(np.intp)
    unlimited = Resource("memory", np.full(len(prices), np.inf))
    problem = Problem(nodes, edges, (unlimited,), tuple(uses))
    memory = Resource("memory", use(problem, chosen)[0] + np.where(prices > 0.0, 0.0, width))
    constant = worth * len(nodes) - choice_cost(problem, chosen)
    return replace(problem, resources=(memory,), constant=constant), chosen


def _planted(rng: np.random.Generator, shape: tuple[int, ...], at: Selection) -> Floats:
    costs = rng.integers(0, 7, size=shape).astype(float)
    costs[tuple(at)] = 0.0
    return costs


def _edges(rng: np.random.Generator, costs: Floats, star: Selection) -> tuple[Edge, ...]:
    """Edges within and between layers; costs of nodes are moved to them (`costs` is changed)."""
    layers, width, size = costs.shape
    made = []
    for _ in range(CROSSING * width):
        u, v = (int(n) for n in rng.choice(width, size=2, replace=False))
        step = int(rng.integers(2))  # to a node of this layer or of the next
        table = _planted(rng, (size, size), star[[u, v]])
        moved = rng.integers(0, MOVED, size=(2, size)).astype(float)
        table += moved[0][:, None] + moved[1]
        for layer in range(layers - step):
            costs[layer, u] -= moved[0]
            costs[layer + step, v] -= moved[1]
            made.append(plain_edge(layer * width + u, (layer + step) * width + v, table))
    return tuple(made)


def uneven_problem(
    seed: int, layers: int = 40, width: int = 10, size: int = 8, room: float = 1.1
) -> Problem:
    """As `layered_problem`, but every table is its own: no bound closes it soon.

    `room` is the capacity, of that which the planted selection needs.
    """
    rng = np.random.default_rng(seed)
    problem, _ = layered_problem(seed, layers, width, size, worth=50.0)
    edges = tuple(
        replace(edge, table=edge.table + rng.integers(0, 60, size=edge.table.shape))
        for edge in problem.edges
    )
    [memory] = problem.resources
    roomier = Resource(memory.name, np.ceil(room * memory.capacity))
    return replace(problem, edges=edges, resources=(roomier,))
