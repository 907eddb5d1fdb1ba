"""Small random problems of every shape the form allows, and their optimum by brute force."""

from __future__ import annotations

import itertools
import math
import random

import numpy as np

from solver.engine.evaluate import value
from solver.engine.problem import (
    Edge,
    EdgeUse,
    Node,
    NodeUse,
    Pin,
    Problem,
    Resource,
    Selection,
    as_selection,
)


def random_problem(seed: int, tight: bool = True) -> Problem:
    """Up to 6 nodes of up to 4 strategies; integers, so that values compare exactly.

    Forbidden costs, parallel edges, shared labels, functional tables, edge uses, hard and soft
    resources, hard and soft pins all occur; `tight` makes capacities that bind, some too small.
    """
    rng = random.Random(seed)
    sizes = [rng.randint(1, 4) for _ in range(rng.randint(1, 6))]
    nodes = tuple(_node(rng, i, size) for i, size in enumerate(sizes))
    edges = tuple(_edges(rng, sizes))
    resources, points = _resources(rng, tight)
    node_uses = tuple(_node_uses(rng, sizes, points))
    edge_uses = tuple(_edge_uses(rng, edges, points))
    return Problem(
        nodes, edges, resources, node_uses, edge_uses, tuple(_pins(rng, sizes)), rng.randint(0, 3)
    )


def brute_force(problem: Problem) -> tuple[float, Selection | None]:
    """The least value, and a selection that has it (infinity and None: nothing is feasible)."""
    best, chosen = math.inf, None
    for row in itertools.product(*(range(node.size) for node in problem.nodes)):
        selection = as_selection(row)
        found = value(problem, selection)
        if found < best:
            best, chosen = found, selection
    return best, chosen


def _cost(rng: random.Random, forbidden: float) -> float:
    return math.inf if rng.random() < forbidden else float(rng.randint(0, 9))


def _node(rng: random.Random, number: int, size: int) -> Node:
    return Node(f"n{number}", np.array([_cost(rng, 0.05) for _ in range(size)]))


def _edges(rng: random.Random, sizes: list[int]) -> list[Edge]:
    made = []
    for u, v in itertools.permutations(range(len(sizes)), 2):
        if rng.random() < 0.3:
            made.append(_edge(rng, u, v, sizes))
    return made


def _labels(rng: random.Random, size: int) -> np.ndarray:
    if rng.random() < 0.6:
        return np.arange(size)
    return np.unique([rng.randrange(size) for _ in range(size)], return_inverse=True)[1]


def _edge(rng: random.Random, u: int, v: int, sizes: list[int]) -> Edge:
    a, b = _labels(rng, sizes[u]), _labels(rng, sizes[v])
    rows, columns = a.max() + 1, b.max() + 1
    kind = rng.choice(["any", "any", "functional", "separable", "constant"])
    if kind == "functional":
        table = np.full((rows, columns), math.inf)
        for i in range(rows):
            table[i, rng.randrange(columns)] = rng.randint(0, 3)
    elif kind == "separable":
        left = np.array([rng.randint(0, 4) for _ in range(rows)], dtype=float)
        table = left[:, None] + np.array([rng.randint(0, 4) for _ in range(columns)], dtype=float)
    elif kind == "constant":
        table = np.full((rows, columns), float(rng.randint(0, 4)))
    else:
        table = np.array([[_cost(rng, 0.15) for _ in range(columns)] for _ in range(rows)])
    return Edge(u, v, a, b, table)


def _resources(rng: random.Random, tight: bool) -> tuple[tuple[Resource, ...], list[int]]:
    points = [rng.randint(1, 4) for _ in range(rng.choice([0, 1, 1, 2]))]
    made = []
    for number, count in enumerate(points):
        top = 14 if tight else 40
        capacity = np.array([float(rng.randint(3, top)) for _ in range(count)])
        price = rng.choice([math.inf, math.inf, 1.0, 2.0])
        made.append(Resource(f"r{number}", capacity, price))
    return tuple(made), points


def _interval(rng: random.Random, points: int) -> tuple[int, int]:
    start = rng.randrange(points)
    return start, rng.randint(start + 1, points)


def _node_uses(rng: random.Random, sizes: list[int], points: list[int]) -> list[NodeUse]:
    made = []
    for resource, count in enumerate(points):
        for node, size in enumerate(sizes):
            for _ in range(rng.choice([0, 1, 1, 2])):
                amounts = np.array([float(rng.randint(0, 5)) for _ in range(size)])
                if rng.random() < 0.3:
                    amounts[:] = amounts[0]
                made.append(NodeUse(resource, *_interval(rng, count), node, amounts))
    return made


def _edge_uses(rng: random.Random, edges: tuple[Edge, ...], points: list[int]) -> list[EdgeUse]:
    made = []
    for resource, count in enumerate(points):
        for number, edge in enumerate(edges):
            if rng.random() < 0.2:
                amounts = np.array([[float(rng.randint(0, 3)) for _ in row] for row in edge.table])
                made.append(EdgeUse(resource, *_interval(rng, count), number, amounts))
    return made


def _pins(rng: random.Random, sizes: list[int]) -> list[Pin]:
    made = []
    for number in range(rng.choice([0, 1, 2, 3])):
        named = rng.sample(range(len(sizes)), rng.randint(1, min(2, len(sizes))))
        breaks = {
            node: np.array([rng.random() < 0.4 for _ in range(sizes[node])]) for node in named
        }
        weight = math.inf if rng.random() < 0.5 else float(rng.randint(1, 6))
        made.append(Pin(f"p{number}", breaks, weight))
    return made
