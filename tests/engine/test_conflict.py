"""Conflicts are infeasible and minimal; ways out are the cheapest ones; both by brute force."""

from __future__ import annotations

import itertools
import math
import random
import threading
from collections.abc import Collection
from dataclasses import replace

import numpy as np
import pytest

from solver.cpsat import Limits
from solver.engine.conflict import (
    Conflict,
    find_conflict,
    infeasible_core,
    only_feasibility,
    restricted,
)
from solver.engine.evaluate import broken, overflows, value
from solver.engine.problem import (
    Node,
    NodeUse,
    Pin,
    Problem,
    Resource,
    Selection,
    as_selection,
    plain_edge,
)
from solver.engine.relax import relaxations
from tests.engine.random_problems import brute_force, random_problem

LIMITS = Limits(60.0, 2, 0, False, threading.Event())


def without(problem: Problem, pins: Collection[int], resources: Collection[int] = ()) -> Problem:
    """The problem after dropping pins and lifting the capacity of resources."""
    return replace(
        problem,
        pins=tuple(pin for k, pin in enumerate(problem.pins) if k not in pins),
        resources=tuple(
            replace(r, capacity=np.full(len(r.capacity), math.inf)) if k in resources else r
            for k, r in enumerate(problem.resources)
        ),
    )


def only(problem: Problem, conflict: Conflict) -> Problem:
    """The problem with nothing hard but forbidden costs and the members of the conflict."""
    pins = {k for k, pin in enumerate(problem.pins) if pin.is_hard} - set(conflict.pins)
    hard = {k for k, r in enumerate(problem.resources) if r.is_hard} - set(conflict.resources)
    return without(problem, pins, hard)


def is_feasible(problem: Problem) -> bool:
    return math.isfinite(brute_force(problem)[0])


def pinned_problem(seed: int) -> Problem:
    """A random problem with more hard pins and room, so that conflicts have more members."""
    rng = random.Random(seed)
    problem = random_problem(seed)
    pins = []
    for number in range(3):
        node = rng.randrange(len(problem.nodes))
        mask = np.array([rng.random() < 0.45 for _ in range(problem.nodes[node].size)])
        mask[rng.randrange(len(mask))] = False
        pins.append(Pin(f"extra{number}", {node: mask}))
    roomy = tuple(replace(r, capacity=r.capacity + 1) for r in problem.resources)
    return replace(problem, resources=roomy, pins=(*problem.pins, *pins))


def check_conflict(problem: Problem, seed: int) -> tuple[int, int]:
    conflict = find_conflict(problem, LIMITS)
    assert conflict.complete, seed
    assert all(problem.pins[k].is_hard for k in conflict.pins), seed
    assert all(problem.resources[k].is_hard for k in conflict.resources), seed
    assert not is_feasible(only(problem, conflict)), seed
    for pin in conflict.pins:
        smaller = replace(conflict, pins=tuple(k for k in conflict.pins if k != pin))
        assert is_feasible(only(problem, smaller)), seed
    for resource in conflict.resources:
        kept = tuple(k for k in conflict.resources if k != resource)
        assert is_feasible(only(problem, replace(conflict, resources=kept))), seed
    return len(conflict.pins), len(conflict.resources)


@pytest.mark.parametrize("first", range(0, 1000, 200))
def test_conflicts_of_random_problems_are_minimal(first: int) -> None:
    seen = [
        check_conflict(random_problem(seed), seed)
        for seed in range(first, first + 200)
        if not is_feasible(random_problem(seed))
    ]
    assert len(seen) > 50


def test_conflicts_of_random_problems_with_many_pins_are_minimal() -> None:
    sizes = set()
    for seed in range(300):
        problem = pinned_problem(seed)
        if not is_feasible(problem):
            sizes.add(check_conflict(problem, seed))
    assert {(0, 0), (1, 0), (2, 0), (3, 0), (0, 1), (1, 1)} <= sizes


def selections(problem: Problem) -> list[Selection]:
    rows = itertools.product(*(range(node.size) for node in problem.nodes))
    return [as_selection(row) for row in rows]


def least_pins(problem: Problem, weights: dict[int, float]) -> float:
    """The least weight of hard pins whose removal makes the problem feasible."""
    hard = [k for k, pin in enumerate(problem.pins) if pin.is_hard]
    free = without(problem, hard)
    return min(
        (
            sum(weights[k] for k in hard if broken(problem, s)[k])
            for s in selections(problem)
            if math.isfinite(value(free, s))
        ),
        default=math.inf,
    )


def least_capacity(problem: Problem, resource: int) -> float:
    """The least overflow of a resource among selections that violate nothing else."""
    lifted = without(problem, (), (resource,))
    return min(
        (
            overflows(problem, s)[resource]
            for s in selections(problem)
            if math.isfinite(value(lifted, s))
        ),
        default=math.inf,
    )


@pytest.mark.parametrize("with_conflict", [True, False])
def test_ways_out_are_the_cheapest(with_conflict: bool) -> None:
    for seed in range(80):
        problem = pinned_problem(seed)
        if is_feasible(problem):
            continue
        rng = random.Random(seed)
        weights = {k: float(rng.randint(1, 3)) for k in range(len(problem.pins))}
        conflict = find_conflict(problem, LIMITS) if with_conflict else None
        ways = relaxations(problem, conflict, LIMITS, weights)
        assert ways.complete, seed
        least = least_pins(problem, weights)
        assert (ways.pins is None) == math.isinf(least), seed
        if ways.pins is not None:
            assert ways.pins.is_least, seed
            assert sum(weights[k] for k in ways.pins.pins) == least, seed
            freed = without(problem, ways.pins.pins)
            assert math.isfinite(value(freed, ways.pins.selection)), seed
        found = {more.resource: more for more in ways.capacities}
        for number, resource in enumerate(problem.resources):
            least = least_capacity(problem, number) if resource.is_hard else math.inf
            assert (number in found) == math.isfinite(least), seed
            if number in found:
                assert (found[number].amount, found[number].is_least) == (least, True), seed


def test_a_feasible_problem_has_no_conflict() -> None:
    with pytest.raises(ValueError, match="has a selection"):
        find_conflict(Problem((Node("a", np.zeros(2)),)), LIMITS)


def test_time_that_ended_is_told() -> None:
    problem = triangle()
    assert find_conflict(problem, replace(LIMITS, seconds=0.0)) == Conflict((), (), False)


def triangle() -> Problem:
    """Three nodes that must all differ, of three colours, each forbidden the last by a pin; and a
    pin on a fourth node that has nothing to do with it."""
    nodes = tuple(Node(f"n{k}", np.zeros(3)) for k in range(4))
    differ = np.where(np.eye(3) > 0, math.inf, 0.0)
    edges = tuple(plain_edge(u, v, differ) for u, v in ((0, 1), (0, 2), (1, 2)))
    last = np.array([False, False, True])
    pins = tuple(Pin(f"not the last {k}", {k: last}) for k in (3, 0, 1, 2))
    return Problem(nodes, edges, pins=pins)


def test_a_conflict_that_propagation_does_not_see_is_found() -> None:
    assert find_conflict(triangle(), LIMITS) == Conflict((1, 2, 3), (), True)


def test_the_solver_names_the_guards_that_its_proof_needs() -> None:
    core = infeasible_core(only_feasibility(triangle()), LIMITS)
    assert core == {("pin", 1), ("pin", 2), ("pin", 3)}
    assert infeasible_core(restricted(triangle(), [("pin", 1), ("pin", 2)]), LIMITS) is None


def test_pins_are_blamed_before_resources() -> None:
    """Two pins contradict each other, and either one alone breaks the capacity as well."""
    first, second = np.array([False, True, True]), np.array([True, False, True])
    problem = Problem(
        (Node("a", np.zeros(3)),),
        resources=(Resource("memory", np.array([1.0])),),
        node_uses=(NodeUse(0, 0, 1, 0, np.array([2.0, 2.0, 0.0])),),
        pins=(Pin("first", {0: first}), Pin("second", {0: second})),
    )
    assert find_conflict(problem, LIMITS).resources == ()


def layered(layers: int, width: int, pins: int) -> tuple[Problem, set[str]]:
    """Layers of nodes of 8 strategies with forbidden pairs along and across, memory held over
    three layers, and pins, of which the two returned together exceed the memory of one layer."""
    rng = np.random.default_rng(0)
    count, size = layers * width, 8
    nodes = tuple(Node(f"n{k}", rng.integers(0, 100, size).astype(float)) for k in range(count))
    edges = []
    for u in range(count):
        for v in (u + 1, u + width):
            if v < count:
                table = rng.integers(0, 50, (size, size)).astype(float)
                table[rng.random((size, size)) < 0.3] = math.inf
                np.fill_diagonal(table, 0)
                edges.append(plain_edge(u, v, table))
    amounts = [rng.integers(10, 100, size).astype(float) for _ in range(count)]
    spans = [(k // width, min(k // width + 3, layers)) for k in range(count)]
    least = np.zeros(layers)
    for (start, stop), amount in zip(spans, amounts, strict=True):
        least[start:stop] += amount.min()
    capacity = np.full(layers, 2 * least.max())
    clash = (count // 2, count // 2 + 1)
    room = (capacity - least)[clash[0] // width]
    made = []
    for node in clash:
        amounts[node][-1] = amounts[node].min() + np.ceil(0.55 * room)
        made.append(Pin(f"clash {node}", {node: np.arange(size) < size - 1}))
    for node in rng.choice(count, pins - 2, replace=False).tolist():
        if abs(node - clash[0]) > 3 * width:
            made.insert(0, Pin(f"pin {node}", {node: np.arange(size) == rng.integers(size)}))
    uses = tuple(
        NodeUse(0, start, stop, node, amount)
        for node, ((start, stop), amount) in enumerate(zip(spans, amounts, strict=True))
    )
    resources = (Resource("memory", capacity),)
    problem = Problem(nodes, tuple(edges), resources, uses, (), tuple(made))
    return problem, {f"clash {node}" for node in clash}


@pytest.mark.slow
def test_a_planted_conflict_among_thousands_of_nodes_is_found() -> None:
    check_planted(*layered(layers=1000, width=3, pins=40))


def test_a_planted_conflict_among_hundreds_of_nodes_is_found() -> None:
    check_planted(*layered(layers=100, width=3, pins=40))


def check_planted(problem: Problem, clash: set[str]) -> None:
    conflict = find_conflict(problem, LIMITS)
    assert {problem.pins[k].name for k in conflict.pins} == clash
    assert conflict.resources == (0,)
    assert conflict.complete
