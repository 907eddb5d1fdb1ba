"""Instances as the engine sees them, against the verifier, which reads the JSON on its own."""

from __future__ import annotations

import copy
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from solver.engine.evaluate import use, value
from solver.engine.problem import as_selection
from solver.instance.document import document
from solver.instance.lower import lower, points, strategies
from solver.instance.read import read
from solver.verify.instance import verify
from tests.instance.random_instances import FORBIDDEN, instance_of, random_instance, selections

HERE = Path(__file__).parent
SEEDS = st.integers(min_value=0, max_value=10**9)


def _stamped(found: dict[str, Any]) -> dict[str, Any]:
    return json.loads(json.dumps(found))


@given(SEEDS)
@settings(max_examples=200, deadline=None)
def test_every_selection_is_worth_what_the_verifier_says(seed: int) -> None:
    tree = random_instance(seed)
    data, instance = json.dumps(tree).encode(), instance_of(tree)
    problem = lower(instance)
    for chosen in selections(tree):
        selection = as_selection(chosen)
        worth = value(problem, selection)
        if math.isfinite(worth):
            found = _stamped(document(instance, selection, -math.inf, "limit"))
            assert found["objective"]["value"] == pytest.approx(worth, rel=1e-12, abs=1e-12)
            assert isinstance(found["objective"]["value"], int) or not instance.is_integral
            assert verify(found, data).violations == ()
        else:
            assert set(_complaints(tree, chosen, data)) & {
                "forbidden",
                "memory-limit",
                "pin-broken",
            }


def _complaints(tree: dict[str, Any], chosen: tuple[int, ...], data: bytes) -> tuple[str, ...]:
    """What the verifier says to a document that holds a selection which is none."""
    # Its figures are those of an instance that forbids nothing.
    free = copy.deepcopy(tree)
    free["problem"].pop("usage_limit", None)
    free["problem"].pop("usage_price", None)
    for lists in (free["problem"]["nodes"]["costs"], free["problem"]["edges"]["costs"]):
        for row in lists:
            row[:] = [0 if cost == FORBIDDEN else cost for cost in row]
    for pin in free["problem"].get("pins", []):
        pin["weight"] = 0
    found = document(instance_of(free), as_selection(chosen), -math.inf, "limit")
    return verify(_stamped(found), data).codes


@given(SEEDS)
@settings(max_examples=200, deadline=None)
def test_nothing_is_lost_on_the_way_in(seed: int) -> None:
    tree = random_instance(seed)
    given = tree["problem"]
    problem = lower(instance_of(tree))
    costs = [[math.inf if c >= FORBIDDEN else c for c in row] for row in given["nodes"]["costs"]]
    tables = []
    for (u, v), row in zip(given["edges"]["nodes"], given["edges"]["costs"], strict=True):
        table = np.array([math.inf if c >= FORBIDDEN else c for c in row], dtype=float)
        table = table.reshape(len(costs[u]), len(costs[v]))
        if u == v:
            costs[u] = [a + b for a, b in zip(costs[u], table.diagonal(), strict=True)]
        else:
            tables.append((u, v, table.tolist()))
    assert [node.name for node in problem.nodes] == [f"node {i}" for i in range(len(costs))]
    assert [node.costs.tolist() for node in problem.nodes] == costs
    assert [(e.u, e.v, e.table.tolist()) for e in problem.edges] == tables
    pins = given.get("pins", [])
    assert [(p.name, p.weight) for p in problem.pins] == [
        (pin["name"], pin.get("weight", math.inf)) for pin in pins
    ]
    for chosen in selections(tree):
        assert strategies(as_selection(chosen)) == list(chosen)


def test_one_point_stands_for_times_without_change() -> None:
    instance = read((HERE / "example.json").read_bytes(), "example.json")
    assert points(instance).tolist() == [30, 40, 50, 70, 110, 120, 140]
    problem = lower(instance)
    assert problem.resources[0].capacity.tolist() == [50.0] * 7
    used = use(problem, as_selection([0, 0, 1, 0, 0]))
    assert used[0].tolist() == [10.0, 35.0, 55.0, 20.0, 45.0, 25.0, 15.0]


def test_the_loops_of_an_instance_stay_its_own() -> None:
    tree = random_instance(0)
    tree["problem"]["nodes"]["costs"] = [[1, 2] for _ in tree["problem"]["nodes"]["costs"]]
    tree["problem"]["nodes"]["usages"] = tree["problem"]["nodes"]["costs"]
    tree["problem"] |= {"edges": {"nodes": [[0, 0]], "costs": [[5, 9, 9, 7]]}, "pins": []}
    instance = instance_of(tree)
    assert lower(instance).nodes[0].costs.tolist() == [6.0, 9.0]
    assert instance.costs[:2].tolist() == [1.0, 2.0]
