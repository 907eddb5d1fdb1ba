"""What pins and soft limits do to the value: never better with a hard one, and prices that switch
exactly where the two optima say."""

from __future__ import annotations

import math
import random
import threading
from dataclasses import replace

import numpy as np

from solver.cpsat import Limits
from solver.engine.evaluate import broken, overflows
from solver.engine.exact import solve_exact
from solver.engine.outcome import Outcome
from solver.engine.problem import Node, NodeUse, Pin, Problem, Resource, Selection
from tests.engine.random_problems import random_problem

LIMITS = Limits(20.0, 1, 0, False, threading.Event())


def solved(problem: Problem) -> Outcome:
    outcome = solve_exact(problem, LIMITS)
    assert outcome.bound == outcome.value
    return outcome


def chosen(problem: Problem) -> Selection:
    selection = solved(problem).selection
    assert selection is not None
    return selection


def random_pin(problem: Problem, seed: int) -> Pin:
    rng = random.Random(seed)
    named = rng.sample(range(len(problem.nodes)), min(2, len(problem.nodes)))
    masks = {k: np.array([rng.random() < 0.4 for _ in range(problem.nodes[k].size)]) for k in named}
    return Pin("added", masks)


def with_pin(problem: Problem, pin: Pin, weight: float) -> Problem:
    return replace(problem, pins=(*problem.pins, replace(pin, weight=weight)))


def test_a_hard_pin_never_improves_the_value() -> None:
    worse = 0
    for seed in range(200):
        problem = random_problem(seed)
        free = solved(problem).value
        pinned = solved(with_pin(problem, random_pin(problem, seed), math.inf)).value
        assert pinned >= free, seed
        worse += pinned > free
    assert worse > 20


def test_a_soft_pin_switches_at_its_price() -> None:
    switched = 0
    for seed in range(300):
        problem = random_problem(seed)
        pin = random_pin(problem, seed)
        free = solved(problem).value
        pinned = solved(with_pin(problem, pin, math.inf)).value
        if not free < pinned < math.inf:
            continue
        switched += 1
        price = pinned - free
        above = with_pin(problem, pin, price + 0.25)
        assert solved(above).value == pinned, seed
        assert not broken(above, chosen(above))[-1], seed
        below = with_pin(problem, pin, price - 0.25)
        assert solved(below).value == pinned - 0.25, seed
        assert broken(below, chosen(below))[-1], seed
    assert switched > 20


def test_a_forbidden_strategy_is_not_chosen() -> None:
    for seed in range(100):
        problem = random_problem(seed)
        selection = solved(problem).selection
        if selection is None:
            continue
        mask = np.arange(problem.nodes[0].size) == selection[0]
        other = solved(with_pin(problem, Pin("forbid", {0: mask}), math.inf))
        assert other.selection is None or other.selection[0] != selection[0], seed


def test_a_soft_capacity_switches_at_its_price() -> None:
    """What is saved by 3 units of overflow costs 6 otherwise: 2 per unit."""
    problem = Problem(
        (Node("a", np.array([1.0, 7.0])),),
        resources=(Resource("memory", np.array([4.0, 5.0])),),
        node_uses=(NodeUse(0, 0, 2, 0, np.array([7.0, 4.0])),),
    )
    for price, strategy, value in ((1.75, 0, 1 + 3 * 1.75), (2.25, 1, 7.0)):
        outcome = solved(priced(problem, price))
        assert outcome.selection is not None
        assert (outcome.selection[0], outcome.value) == (strategy, value)


def test_overflow_falls_as_its_price_rises() -> None:
    switched = 0
    for seed in range(300):
        problem = random_problem(seed)
        if not problem.resources or math.isinf(solved(priced(problem, math.inf)).value):
            continue
        hard = solved(priced(problem, math.inf)).value
        free = solved(priced(problem, 0.0)).value
        dearest = max(4.0, hard - free) + 1.0
        problems = [priced(problem, price) for price in (0.0, 0.25, 0.5, 1.0, 2.0, 4.0, dearest)]
        excess = [overflows(p, chosen(p))[0] for p in problems]
        assert excess == sorted(excess, reverse=True), seed
        assert (solved(problems[-1]).value, excess[-1]) == (hard, 0.0), seed
        switched += len(set(excess)) > 1
    assert switched > 5


def priced(problem: Problem, price: float) -> Problem:
    first = problem.resources[0]
    soft = Resource(first.name, first.capacity, price)
    return replace(problem, resources=(soft, *problem.resources[1:]))
