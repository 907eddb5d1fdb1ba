"""Problems solved by the hundred: optimum, bound and cutoff against brute force."""

from __future__ import annotations

import math
import threading

import numpy as np
import pytest

from solver.cpsat import Limits
from solver.engine import medium
from solver.engine.evaluate import value
from solver.engine.medium import message_bound, solve_medium
from solver.engine.outcome import Outcome
from solver.engine.problem import Node, Problem, Resource, as_selection
from tests.engine.random_problems import brute_force, random_problem

LIMITS = Limits(10.0, 1, 0, True, threading.Event())
CASES = 250


def close(found: float, wanted: float) -> bool:
    return found == wanted or math.isclose(found, wanted, rel_tol=1e-6, abs_tol=1e-6)


def is_sound(problem: Problem, outcome: Outcome, best: float, cutoff: float = math.inf) -> bool:
    """The selection has the value that is said, and the bound holds for what is below a cutoff."""
    if outcome.selection is not None:
        assert value(problem, outcome.selection) == outcome.value < cutoff
    return outcome.bound <= min(best, cutoff) + 1e-6 * (1 + abs(best))


@pytest.mark.parametrize("start", range(0, CASES, 50))
def test_the_optimum_is_found_and_proved(start: int) -> None:
    for seed in range(start, start + 50):
        problem = random_problem(seed)
        best, _ = brute_force(problem)
        outcome = solve_medium(problem, LIMITS)
        assert close(outcome.value, best), seed
        assert close(outcome.bound, best), seed


def test_only_what_is_below_the_cutoff_is_of_interest() -> None:
    for seed in range(CASES, CASES + 100):
        problem = random_problem(seed)
        best, _ = brute_force(problem)
        if math.isinf(best):
            continue
        above, below = best + 0.5, best - 0.5
        assert close(solve_medium(problem, LIMITS, above).value, best), seed
        nothing = solve_medium(problem, LIMITS, below)
        assert nothing.selection is None
        assert is_sound(problem, nothing, best, below), seed
        assert close(nothing.bound, below), seed


def test_without_a_proof_a_selection_that_fits_and_a_bound_are_found() -> None:
    for seed in range(CASES):
        problem = random_problem(seed)
        best, _ = brute_force(problem)
        outcome = solve_medium(problem, LIMITS, prove=False)
        assert is_sound(problem, outcome, best), seed
        assert (outcome.selection is None) == math.isinf(best), seed


def test_what_a_model_has_no_room_for_limits_the_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(medium, "PROVABLE", 6)
    closed = 0
    for seed in range(CASES):
        problem = random_problem(seed)
        best, _ = brute_force(problem)
        outcome = solve_medium(problem, LIMITS)
        assert is_sound(problem, outcome, best), seed
        closed += close(outcome.bound, outcome.value)
    assert closed < CASES


def test_a_stop_ends_it() -> None:
    stop = threading.Event()
    stop.set()
    problem = random_problem(4)
    outcome = solve_medium(problem, Limits(10.0, 1, 0, False, stop))
    assert is_sound(problem, outcome, brute_force(problem)[0])


def test_messages_bound_problems_without_resources() -> None:
    for seed in range(200):
        given = random_problem(seed)
        problem = Problem(given.nodes, given.edges, constant=given.constant)
        best, _ = brute_force(problem)
        bound = message_bound(problem, 8)
        assert bound <= best + 1e-9 * (1 + abs(best)), seed
    tree = Problem((Node("a", np.array([3.0, 1.0])),), resources=(Resource("r", np.zeros(0)),))
    assert message_bound(tree, 2) == value(tree, as_selection([1])) == 1.0
