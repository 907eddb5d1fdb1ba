"""Small random instances, as the JSON that a user would write."""

from __future__ import annotations

import itertools
import json
import random
from typing import Any

from solver.instance.instance import Instance
from solver.instance.read import read

Json = dict[str, Any]

FORBIDDEN = 10**18


def random_instance(seed: int) -> Json:
    """Up to 4 nodes of up to 3 strategies.

    Forbidden costs, edges from a node to itself and parallel ones, empty lives, a limit or none, a
    price or none, hard and soft pins all occur; costs are whole numbers, or fractions, or both.
    """
    rng = random.Random(seed)
    fraction = rng.choice([0.0, 0.0, 0.3])
    sizes = [rng.randint(1, 3) for _ in range(rng.randint(1, 4))]
    ends = [
        [rng.randrange(len(sizes)), rng.randrange(len(sizes))] for _ in range(rng.randint(0, 5))
    ]
    problem: Json = {
        "name": "random",
        "nodes": {
            "intervals": [_interval(rng) for _ in sizes],
            "costs": [[_cost(rng, fraction) for _ in range(size)] for size in sizes],
            "usages": [[_number(rng, fraction) for _ in range(size)] for size in sizes],
        },
        "edges": {
            "nodes": ends,
            "costs": [[_cost(rng, fraction) for _ in range(sizes[u] * sizes[v])] for u, v in ends],
        },
    }
    if rng.random() < 0.8:
        problem["usage_limit"] = rng.randint(0, 30)
        if rng.random() < 0.4:
            problem["usage_price"] = _number(rng, fraction)
    if rng.random() < 0.5:
        problem["pins"] = [_pin(rng, sizes, number) for number in range(rng.randint(0, 3))]
    return {"problem": problem}


def instance_of(tree: Json) -> Instance:
    """The instance that a tree describes."""
    return read(json.dumps(tree).encode(), "random.json")


def selections(tree: Json) -> list[tuple[int, ...]]:
    """Every way to choose a strategy per node."""
    sizes = [len(costs) for costs in tree["problem"]["nodes"]["costs"]]
    return list(itertools.product(*map(range, sizes)))


def _interval(rng: random.Random) -> list[int]:
    start = rng.randint(-2, 8)
    return [start, start + rng.randint(-1, 5)]


def _number(rng: random.Random, fraction: float) -> float:
    return rng.randint(0, 90) / 10 if rng.random() < fraction else rng.randint(0, 9)


def _cost(rng: random.Random, fraction: float) -> float:
    if rng.random() < 0.08:
        return FORBIDDEN
    return rng.choice([1, 1, 1, -1]) * _number(rng, fraction)


def _pin(rng: random.Random, sizes: list[int], number: int) -> Json:
    named = rng.sample(range(len(sizes)), rng.randint(1, min(2, len(sizes))))
    nodes = [[n, rng.sample(range(sizes[n]), rng.randint(1, sizes[n]))] for n in named]
    pin = {"name": f"pin {number}", "nodes": nodes}
    return pin if rng.random() < 0.5 else {**pin, "weight": rng.randint(0, 6)}
