"""Bounds are never above the optimum, excess never above what a strategy costs."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from numba import njit

from solver.compiled import compiled
from solver.engine.evaluate import choice_cost, use, value
from solver.engine.problem import EdgeUse, Floats, Problem, Resource, as_selection
from solver.engine.reduce.pins import pins
from solver.engine.relaxation.arrays import Arrays, arrays
from solver.engine.relaxation.dual import Dual, Messages, energy_of, onto_simplex, use_of
from tests.engine.layered_problems import layered_problem
from tests.engine.random_problems import random_problem
from tests.engine.small_problems import edge, limit, nodes, takes

EPS = 1e-6  # sums of floats of the size of these problems' values


def without_pins(seed: int) -> Problem:
    problem = random_problem(seed)
    step = pins(problem)
    return problem if step is None else step.problem


def dual_of(problem: Problem) -> tuple[Arrays, Dual]:
    data = arrays(problem)
    return data, Dual(data, np.array([resource.price for resource in problem.resources]))


def least_with_each(problem: Problem) -> Floats:
    """[strategy] of all nodes: the least value of a selection that has it."""
    first = np.cumsum([0, *(node.size for node in problem.nodes)])
    least = np.full(first[-1], math.inf)
    for row in itertools.product(*(range(node.size) for node in problem.nodes)):
        selection = as_selection(row)
        at = first[:-1] + selection
        least[at] = np.minimum(least[at], value(problem, selection))
    return least


@pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning")  # of problems without a way
def test_bound_and_excess_hold_at_every_step() -> None:
    limited = 0
    for seed in range(250):
        problem = without_pins(seed)
        least = least_with_each(problem)
        optimum = float(least.min())
        _, dual = dual_of(problem)
        for _ in range(12):
            dual.step(optimum + 1.0)
            assert dual.bound <= optimum + EPS, seed
            if math.isfinite(optimum):
                assert (dual.bound + dual.excess <= least + EPS).all(), seed
        dual.settle(3)
        assert dual.bound <= optimum + EPS, seed
        if math.isfinite(optimum):
            assert (dual.bound + dual.excess <= least + EPS).all(), seed
            limited += bool((dual.best_prices > 0.0).any())
    assert limited > 20  # prices have mattered


def test_excess_finds_most_of_what_is_in_no_optimum() -> None:
    """A valid excess may be zero; this one is not."""
    excluded = total = 0
    for seed in range(150):
        problem = without_pins(seed)
        least = least_with_each(problem)
        if math.isinf(least.min()):
            continue
        _, dual = dual_of(problem)
        for _ in range(60):
            dual.step(float(least.min()))
        dual.settle(3)
        worse = least > least.min()
        excluded += int((dual.bound + dual.excess > least.min() + EPS)[worse].sum())
        total += int(worse.sum())
    assert excluded > 0.7 * total


def test_messages_are_exact_on_a_chain() -> None:
    rng = np.random.default_rng(1)
    for _ in range(30):
        tables = [rng.integers(0, 20, size=(3, 3)).tolist() for _ in range(5)]
        turned = rng.random(5) < 0.5
        ends = [(k + 1, k) if turn else (k, k + 1) for k, turn in enumerate(turned)]
        problem = Problem(
            nodes(*rng.integers(0, 9, size=(6, 3)).tolist()),
            tuple(edge(*pair, *rows) for pair, rows in zip(ends, tables, strict=True)),
            constant=2.0,
        )
        data = arrays(problem)
        messages = Messages(data.graph)
        for _ in range(2):
            bound = messages.sweep(data.costs, data.tables)
        optimum = least_with_each(problem).min()
        assert bound + 2.0 == pytest.approx(optimum)
        chosen = messages.decode(data.costs, data.tables)
        assert value(problem, as_selection(chosen.tolist())) == optimum


def test_prices_close_the_gap_of_a_planted_optimum() -> None:
    for seed in range(3):
        problem, chosen = layered_problem(seed)
        optimum = value(problem, chosen)
        _, dual = dual_of(problem)
        dual.settle(20)
        unpriced = dual.bound
        for _ in range(400):
            dual.step(optimum)
        assert unpriced < 0.99 * optimum  # the resource binds
        assert 0.9999 * optimum < dual.bound <= optimum * (1 + 1e-9)


def test_prices_of_a_soft_resource_never_sum_to_more_than_its_price() -> None:
    seen = 0
    for seed in range(200):
        problem = without_pins(seed)
        soft = [k for k, resource in enumerate(problem.resources) if not resource.is_hard]
        if not soft:
            continue
        data, dual = dual_of(problem)
        for _ in range(15):
            dual.step(100.0)
            if math.isinf(dual.bound):  # nothing is feasible
                break
            assert (dual.prices >= 0.0).all()
            for k in soft:
                here = dual.prices[data.resource_at[k] : data.resource_at[k + 1]]
                assert here.sum() <= problem.resources[k].price * (1 + 1e-9), seed
                seen += bool(here.sum() > 0.0)
    assert seen > 100


def test_a_makespan_over_rows_is_bounded_by_its_average() -> None:
    rows = Resource("rows", np.zeros(2), price=1.0)
    loads = tuple(
        take for n in range(2) for take in (takes(n, 0, 1, 4.0, 0.0), takes(n, 1, 2, 0.0, 4.0))
    )
    problem = Problem(nodes([0, 0], [0, 0]), (), (rows,), loads)
    _, dual = dual_of(problem)
    for _ in range(100):
        dual.step(4.0)
    assert dual.bound == pytest.approx(4.0, rel=1e-3)


def test_uses_of_edges_have_a_price() -> None:
    pair = edge(0, 1, [0, 3], [3, 3])
    taken = EdgeUse(0, 0, 1, 0, np.array([[5.0, 1.0], [1.0, 1.0]]))
    problem = Problem(nodes([0, 0], [0, 0]), (pair,), limit(1.0), (), (taken,))
    _, dual = dual_of(problem)
    for _ in range(200):
        dual.step(3.0)
    assert dual.bound == pytest.approx(3.0, rel=1e-3)


def test_flat_arrays_give_the_values_of_the_definition() -> None:
    rng = np.random.default_rng(0)
    for seed in range(200):
        problem = without_pins(seed)
        data = arrays(problem)
        for _ in range(3):
            chosen = np.array([rng.integers(node.size) for node in problem.nodes])
            assert energy_of(data, chosen) == choice_cost(problem, chosen), seed
            parts = use(problem, chosen)
            expected = np.concatenate(parts) if parts else np.zeros(0)
            assert np.array_equal(use_of(data, chosen), expected), seed


def test_prices_stay_where_nothing_pushes_them() -> None:
    problem = Problem(nodes([0, 3]), (), limit(1.0), (takes(0, 0, 1, 5.0, 1.0),))
    _, dual = dual_of(problem)
    for _ in range(300):
        dual.step(3.0)
    assert dual.bound <= 3.0
    assert dual.prices.max() < 10.0


def test_loops_run_where_no_cache_can_be_written(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("numba.core.caching.CacheImpl._locator_classes", [])
    with pytest.raises(RuntimeError):
        njit(cache=True)(twice)
    assert compiled(twice)(21) == 42


def twice(number: int) -> int:
    return 2 * number


def test_the_simplex_is_met_at_its_nearest_point() -> None:
    rng = np.random.default_rng(0)
    for _ in range(100):
        values = rng.normal(size=int(rng.integers(1, 8))) * 3.0
        total = float(rng.uniform(0.1, 5.0))
        found = onto_simplex(values, total)
        assert found.sum() == pytest.approx(total)
        assert (found >= 0.0).all()
        shift = (values - found)[found > 0.0]
        assert np.ptp(shift) < 1e-9  # equal where positive, and no less elsewhere
        assert ((values - found)[found == 0.0] <= shift[0] + 1e-9).all()
