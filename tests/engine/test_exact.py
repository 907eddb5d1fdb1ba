"""The exact model agrees with brute force, with and without hints, cutoffs and rounding."""

from __future__ import annotations

import math
import random
import threading
from dataclasses import replace

import numpy as np
import pytest

from solver.cpsat import Limits
from solver.engine.evaluate import value
from solver.engine.exact import solve_exact, solve_reduced
from solver.engine.exact_model import ExactModel
from solver.engine.problem import (
    Edge,
    Node,
    NodeUse,
    Pin,
    Problem,
    Resource,
    Selection,
    as_selection,
    plain_edge,
)
from solver.engine.scaling import allowed_strategies, cost_scale
from tests.engine.random_problems import brute_force, random_problem

LIMITS = Limits(20.0, 1, 0, False, threading.Event())


def feasible_selection(problem: Problem, seed: int) -> Selection | None:
    rng = random.Random(seed)
    for _ in range(50):
        selection = as_selection([rng.randrange(node.size) for node in problem.nodes])
        if math.isfinite(value(problem, selection)):
            return selection
    return None


@pytest.mark.parametrize("first", range(0, 1000, 100))
def test_it_agrees_with_brute_force(first: int) -> None:
    for seed in range(first, first + 100):
        problem = random_problem(seed)
        best, _ = brute_force(problem)
        outcome = solve_exact(problem, LIMITS)
        assert outcome.value == best, seed
        assert outcome.bound == best, seed
        assert outcome.is_infeasible == math.isinf(best), seed
        if outcome.selection is not None:
            assert value(problem, outcome.selection) == best, seed


def test_reductions_first_change_nothing() -> None:
    for seed in range(200):
        problem = random_problem(seed)
        best, _ = brute_force(problem)
        outcome = solve_reduced(problem, LIMITS)
        assert (outcome.value, outcome.bound) == (best, best), seed
        if outcome.selection is not None:
            assert value(problem, outcome.selection) == best, seed


def test_a_cutoff_asks_for_something_strictly_better() -> None:
    for seed in range(150):
        problem = random_problem(seed)
        best, _ = brute_force(problem)
        if math.isinf(best):
            continue
        none = solve_exact(problem, LIMITS, cutoff=best)
        assert (none.selection, none.bound) == (None, best), seed
        found = solve_exact(problem, LIMITS, cutoff=best + 0.5)
        assert (found.value, found.bound) == (best, best), seed


def test_a_hint_is_improved_or_kept() -> None:
    for seed in range(150):
        problem = random_problem(seed)
        best, chosen = brute_force(problem)
        if chosen is None:
            continue
        kept = solve_exact(problem, LIMITS, hint=chosen)
        assert (kept.value, kept.bound) == (best, best), seed
        hint = feasible_selection(problem, seed)
        better = solve_exact(problem, LIMITS, hint=hint)
        assert (better.value, better.bound) == (best, best), seed


def test_without_time_the_hint_comes_back_with_a_true_bound() -> None:
    stopped = threading.Event()
    stopped.set()
    for seed in range(60):
        problem = random_problem(seed)
        best, _ = brute_force(problem)
        hint = feasible_selection(problem, seed)
        if hint is None:
            continue
        outcome = solve_exact(problem, replace(LIMITS, seconds=0.05, stop=stopped), hint=hint)
        assert best <= outcome.value <= value(problem, hint), seed
        assert outcome.bound <= best, seed


def test_a_hint_gives_every_variable_its_value() -> None:
    from ortools.sat.python import cp_model

    for seed in range(60):
        problem = random_problem(seed)
        _, chosen = brute_force(problem)
        if chosen is None:
            continue
        allowed = allowed_strategies(problem)
        model = ExactModel(problem, allowed, cost_scale(problem, allowed, math.inf, math.inf))
        model.hint(chosen)
        solver = cp_model.CpSolver()
        solver.parameters.num_workers = 1
        solver.parameters.fix_variables_to_their_hinted_value = True
        assert solver.solve(model.rows.model) == cp_model.OPTIMAL, seed
        values = np.array(list(solver.response_proto.solution))
        assert model.selection(values).tolist() == chosen.tolist(), seed


def scaled(problem: Problem, factor: float) -> Problem:
    """The same problem in another unit of cost."""
    return replace(
        problem,
        nodes=tuple(Node(n.name, n.costs * factor) for n in problem.nodes),
        edges=tuple(replace(e, table=e.table * factor) for e in problem.edges),
        resources=tuple(replace(r, price=r.price * factor) for r in problem.resources),
        pins=tuple(Pin(p.name, p.breaks, p.weight * factor) for p in problem.pins),
        constant=problem.constant * factor,
    )


@pytest.mark.parametrize("factor", [0.1, 1e-6 / 3, 1e13 / 7])
def test_costs_that_are_no_integers_are_rounded_down_a_little(factor: float) -> None:
    for seed in range(80):
        problem = scaled(random_problem(seed), factor)
        best, _ = brute_force(problem)
        outcome = solve_exact(problem, LIMITS)
        if math.isinf(best):
            assert outcome.is_infeasible, seed
            continue
        assert outcome.value == pytest.approx(best, rel=1e-9), seed
        assert outcome.bound <= best * (1 + 1e-12), seed
        assert outcome.bound == pytest.approx(best, rel=1e-9), seed


def test_uses_that_are_no_integers_fit_really() -> None:
    for seed in range(80):
        problem = random_problem(seed)
        problem = replace(
            problem,
            resources=tuple(
                replace(r, capacity=r.capacity * 0.1 + 0.05) for r in problem.resources
            ),
            node_uses=tuple(replace(u, amounts=u.amounts * 0.1) for u in problem.node_uses),
            edge_uses=tuple(replace(u, amounts=u.amounts * 0.1) for u in problem.edge_uses),
        )
        best, _ = brute_force(problem)
        outcome = solve_exact(problem, LIMITS)
        assert outcome.value == pytest.approx(best, rel=1e-9), seed


def test_a_large_cost_beside_small_ones_keeps_the_small_ones_exact() -> None:
    costs = np.array([1e13, 3.0, 2.0])
    problem = Problem(
        (Node("a", costs), Node("b", costs)),
        (plain_edge(0, 1, np.where(np.eye(3) > 0, 1e13, 1.0)),),
    )
    outcome = solve_exact(problem, LIMITS)
    assert (outcome.value, outcome.bound) == (6.0, 6.0)


def variables(problem: Problem) -> int:
    """How many variables the model has beyond the strategies."""
    allowed = allowed_strategies(problem)
    model = ExactModel(problem, allowed, cost_scale(problem, allowed, math.inf, math.inf))
    return model.rows.count - sum(node.size for node in problem.nodes)


def two_nodes(table: np.ndarray) -> Problem:
    return Problem(
        (Node("u", np.zeros(table.shape[0])), Node("v", np.zeros(table.shape[1]))),
        (plain_edge(0, 1, table),),
    )


def test_tables_without_a_need_for_cells_have_none() -> None:
    inf = math.inf
    separable = np.array([[1.0, 2.0, 5.0], [4.0, 5.0, 8.0]])
    functional = np.array([[inf, 3.0, inf], [1.0, inf, inf], [inf, 7.0, inf]])
    nested = np.array([[0.0, inf, inf], [0.0, 0.0, inf], [0.0, 0.0, 0.0]])
    forbidden = np.array([[0.0, inf, 0.0], [inf, 0.0, 0.0], [0.0, 0.0, inf]])
    for table in (separable, functional, nested, forbidden):
        assert variables(two_nodes(table)) == 0
        best, _ = brute_force(two_nodes(table))
        assert solve_exact(two_nodes(table), LIMITS).value == best


def test_rows_that_differ_by_a_constant_share_their_cells() -> None:
    table = np.array([[0.0, 4.0, 1.0], [2.0, 6.0, 3.0], [5.0, 0.0, 0.0]])
    assert variables(two_nodes(table)) == 6


def test_labels_are_told_apart_only_where_the_table_does() -> None:
    labels = np.array([0, 1, 0, 1])
    table = np.array([[0.0, 3.0], [3.0, 0.0]])
    nodes = (Node("u", np.array([5.0, 1.0, 2.0, 9.0])), Node("v", np.array([4.0, 4.0, 1.0, 8.0])))
    problem = Problem(nodes, (Edge(0, 1, labels, labels, table),))
    assert variables(problem) == 4
    assert solve_exact(problem, LIMITS).value == brute_force(problem)[0] == 3.0


def test_only_points_that_can_bind_get_a_row() -> None:
    nodes = tuple(Node(f"n{k}", np.array([0.0, 5.0])) for k in range(3))
    uses = tuple(NodeUse(0, k, k + 2, k, np.array([4.0, 1.0])) for k in range(3))

    def rows(capacity: float) -> int:
        problem = Problem(nodes, (), (Resource("memory", np.full(4, capacity)),), uses)
        allowed = allowed_strategies(problem)
        model = ExactModel(problem, allowed, cost_scale(problem, allowed, math.inf, math.inf))
        return model.rows.model.model_stats().count("kLinear")

    assert rows(8.0) == 0
    assert rows(7.0) > 0
