"""Every reduction, alone and all together, keeps the optimum and finds the way back to it."""

import functools
import math

import numpy as np
import pytest

from solver.engine.evaluate import value
from solver.engine.problem import Floats, Node, NodeUse, Pin, Problem, Resource, plain_edge
from solver.engine.reduce.constants import constants
from solver.engine.reduce.equal_layouts import equal_layouts
from solver.engine.reduce.labels import labels
from solver.engine.reduce.parallel import parallel
from solver.engine.reduce.pipeline import PASSES, reduce
from solver.engine.reduce.propagate import propagate
from solver.engine.reduce.step import Infeasible, Step
from tests.engine.random_problems import brute_force, random_problem

SEEDS = 1000
INF = math.inf


def arrays(problem: Problem) -> list[Floats]:
    """Every array of a problem, copied."""
    return [
        *(node.costs.copy() for node in problem.nodes),
        *(edge.table.copy() for edge in problem.edges),
        *(edge.labels_u.copy() for edge in problem.edges),
        *(edge.labels_v.copy() for edge in problem.edges),
        *(use.amounts.copy() for use in (*problem.node_uses, *problem.edge_uses)),
        *(resource.capacity.copy() for resource in problem.resources),
        *(mask.copy() for pin in problem.pins for mask in pin.breaks.values()),
    ]


def check_form(problem: Problem) -> None:
    """What `solver.engine.problem` says of edges, uses and pins."""
    for edge in problem.edges:
        assert edge.u != edge.v
        for node, held, count in zip(
            (edge.u, edge.v), (edge.labels_u, edge.labels_v), edge.table.shape, strict=True
        ):
            assert len(held) == problem.nodes[node].size
            assert set(held.tolist()) == set(range(count))
    for use in problem.node_uses:
        assert len(use.amounts) == problem.nodes[use.node].size
        assert 0 <= use.start < use.stop <= len(problem.resources[use.resource].capacity)
    for pair in problem.edge_uses:
        assert pair.amounts.shape == problem.edges[pair.edge].table.shape
    for pin in problem.pins:
        assert all(len(mask) == problem.nodes[v].size for v, mask in pin.breaks.items())


@functools.cache
def optimum(seed: int, tight: bool = True) -> float:
    """The least value of a random problem."""
    return brute_force(random_problem(seed, tight))[0]


def check_step(problem: Problem, step: Step, best: float) -> None:
    """The contract of `Step`, given the problem's least value."""
    check_form(step.problem)
    found, selection = brute_force(step.problem)
    assert found == best
    if selection is not None:
        assert value(problem, step.restore(selection)) == best
    rng = np.random.default_rng(0)
    for _ in range(3):
        tried = np.array([rng.integers(node.size) for node in step.problem.nodes], dtype=np.intp)
        assert value(problem, step.restore(tried)) <= value(step.problem, tried)


@pytest.mark.parametrize("one", PASSES, ids=lambda one: one.__name__)
def test_every_pass_keeps_the_optimum(one):
    acted = 0
    for seed in range(SEEDS):
        problem = random_problem(seed)
        before = arrays(problem)
        try:
            step = one(problem)
        except Infeasible:
            assert optimum(seed) == INF
            continue
        if step is not None:
            acted += 1
            check_step(problem, step, optimum(seed))
        assert all(map(np.array_equal, arrays(problem), before))
    assert acted > SEEDS // 50


def test_the_whole_reduction_keeps_the_optimum():
    for seed in range(SEEDS):
        problem = random_problem(seed)
        try:
            step = reduce(problem)
        except Infeasible:
            assert optimum(seed) == INF
            continue
        check_step(problem, step, optimum(seed))


def test_wide_capacities_are_as_exact():
    for seed in range(SEEDS, SEEDS + 300):
        problem = random_problem(seed, tight=False)
        try:
            step = reduce(problem)
        except Infeasible:
            assert optimum(seed, tight=False) == INF
            continue
        check_step(problem, step, optimum(seed, tight=False))


def test_a_reduced_problem_is_reduced_no_further():
    for seed in range(200):
        try:
            once = reduce(random_problem(seed)).problem
        except Infeasible:
            continue
        assert [one.__name__ for one in PASSES if one(once) is not None] == []


def test_a_chain_of_copies_collapses_to_one_node():
    count, size = 2000, 4
    turn = np.full((size, size), INF)
    turn[np.arange(size), (np.arange(size) + 1) % size] = 0.0
    nodes = tuple(Node(f"n{k}", np.arange(size) * float(k % 3)) for k in range(count))
    edges = tuple(plain_edge(k, k + 1, turn) for k in range(count - 1))
    uses = tuple(NodeUse(0, k, k + 1, k, np.array([1.0, 2.0, 3.0, 4.0])) for k in range(count))
    limit = Resource("memory", np.full(count, 4.0))
    problem = Problem(nodes, edges, (limit,), uses)
    passes = (propagate, constants, equal_layouts, parallel, labels)
    step = reduce(problem, passes)
    assert len(step.problem.nodes) == 1
    values = [
        value(problem, step.restore(np.array([k]))) for k in range(step.problem.nodes[0].size)
    ]
    assert values == [value(step.problem, np.array([k])) for k in range(size)]


def test_a_dead_end_travels_along_a_chain():
    count = 2000
    copy = np.array([[0.0, INF], [INF, 0.0]])
    nodes = [Node(f"n{k}", np.zeros(2)) for k in range(count)]
    nodes[-1] = Node("last", np.array([INF, 1.0]))
    edges = tuple(plain_edge(k, k + 1, copy) for k in range(count - 1))
    step = reduce(Problem(tuple(nodes), edges))
    assert step.problem.nodes == ()
    assert step.problem.constant == 1.0
    assert step.restore(np.zeros(0, dtype=np.intp)).tolist() == [1] * count


def test_a_pinned_node_keeps_its_name_and_its_choice():
    copy = np.array([[0.0, INF], [INF, 0.0]])
    nodes = tuple(Node(name, np.zeros(2)) for name in ("a", "wanted", "b"))
    pin = Pin("p", {1: np.array([True, False])}, weight=3.0)
    edges = (plain_edge(0, 1, copy), plain_edge(1, 2, copy))
    step = reduce(Problem(nodes, edges, pins=(pin,)), (propagate, constants, equal_layouts))
    assert [node.name for node in step.problem.nodes] == ["wanted"]
    assert step.problem.pins[0].breaks[0].tolist() == [True, False]
