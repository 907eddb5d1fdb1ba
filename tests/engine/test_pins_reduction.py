"""Pins as nodes keep the optimum and the way back, and stand only where several nodes are named."""

from __future__ import annotations

import math

import numpy as np
import pytest

from solver.engine.problem import Pin, Problem
from solver.engine.reduce.pins import pins
from tests.engine.random_problems import brute_force, random_problem
from tests.engine.small_problems import INF, edge, nodes
from tests.engine.test_reduce_pipeline import check_step


@pytest.mark.parametrize("first", range(0, 1000, 250))
def test_the_optimum_is_kept(first: int) -> None:
    for seed in range(first, first + 250):
        problem = random_problem(seed)
        step = pins(problem)
        if step is None:
            assert not problem.pins, seed
            continue
        assert not step.problem.pins, seed
        check_step(problem, step, brute_force(problem)[0])


def test_a_node_is_added_only_for_a_pin_on_several() -> None:
    seen = set()
    for seed in range(300):
        problem = random_problem(seed)
        step = pins(problem)
        wide = [pin.name for pin in problem.pins if len(pin.breaks) > 1]
        after = problem if step is None else step.problem
        assert [node.name for node in after.nodes[len(problem.nodes) :]] == wide, seed
        seen.add(len(wide))
    assert seen >= {0, 1, 2}


def test_the_weight_is_paid_once_however_many_nodes_break_a_pin() -> None:
    broken = np.array([True, False])
    pin = Pin("together", dict.fromkeys(range(3), broken), weight=5.0)
    problem = Problem(nodes([0, 2], [0, 2], [0, 2]), pins=(pin,))
    step = pins(problem)
    assert step is not None
    found, selection = brute_force(step.problem)
    assert selection is not None
    assert (found, step.restore(selection).tolist()) == (5.0, [0, 0, 0])


@pytest.mark.parametrize(("weight", "choice"), [(2.9, 0), (3.1, 1)])
def test_a_soft_pin_switches_at_its_price(weight: float, choice: int) -> None:
    copy = edge(0, 1, [0, INF], [INF, 0])
    for named in ((0,), (0, 1)):
        pin = Pin("p", {k: np.array([True, False]) for k in named}, weight)
        problem = Problem(nodes([0, 2], [0, 1]), (copy,), pins=(pin,))
        step = pins(problem)
        assert step is not None
        _, selection = brute_force(step.problem)
        assert selection is not None
        assert step.restore(selection).tolist() == [choice, choice]


def test_a_hard_pin_on_several_nodes_cannot_be_broken() -> None:
    pin = Pin("p", {0: np.array([True, False]), 1: np.array([True, True])})
    problem = Problem(nodes([0, 9], [0, 0]), pins=(pin,))
    step = pins(problem)
    assert step is not None
    assert brute_force(step.problem) == (math.inf, None)
    kept = Pin("p", {0: np.array([True, False]), 1: np.array([False, True])})
    step = pins(Problem(problem.nodes, pins=(kept,)))
    assert step is not None
    _, selection = brute_force(step.problem)
    assert selection is not None
    assert step.restore(selection).tolist() == [1, 0]
