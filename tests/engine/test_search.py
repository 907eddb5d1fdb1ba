"""The parts of the large search: incumbent, restricted problems, neighbourhoods, annealing."""

from __future__ import annotations

import itertools
import math
import threading
from dataclasses import replace

import numpy as np
import pytest

from solver.cpsat import Limits
from solver.engine.clock import Clock
from solver.engine.evaluate import overflows, value
from solver.engine.exact import solve_exact
from solver.engine.problem import EdgeUse, NodeUse, Problem, Resource, Selection, as_selection
from solver.engine.reduce.pins import pins
from solver.engine.relaxation.arrays import Arrays, Ints, arrays
from solver.engine.relaxation.dual import Dual, energy_of, use_of
from solver.engine.search import anneal_kernels
from solver.engine.search.anneal import Annealer, applies
from solver.engine.search.improve import Improver
from solver.engine.search.incumbent import Incumbent
from solver.engine.search.neighbourhoods import KINDS, View, cells, copies_of, free
from solver.engine.search.restricted import Restricted, restricted
from tests.engine.layered_problems import layered_problem, uneven_problem
from tests.engine.random_problems import random_problem
from tests.engine.small_problems import limit, nodes, takes

LIMITS = Limits(10.0, 1, 0, False, threading.Event())


def without_pins(seed: int) -> Problem:
    problem = random_problem(seed)
    step = pins(problem)
    return problem if step is None else step.problem


def softened(problem: Problem, price: float) -> Problem:
    """Hard capacities at a price."""
    resources = tuple(replace(r, price=min(r.price, price)) for r in problem.resources)
    return replace(problem, resources=resources)


def random_selection(problem: Problem, rng: np.random.Generator, price: float) -> Selection | None:
    """One of finite value, if a few tries find any."""
    for _ in range(60):
        selection = as_selection([int(rng.integers(node.size)) for node in problem.nodes])
        if math.isfinite(value(softened(problem, price), selection)):
            return selection
    return None


# ---- the incumbent -------------------------------------------------------------------------


def test_an_incumbent_has_the_value_of_the_definition() -> None:
    rng = np.random.default_rng(0)
    fitting = 0
    for seed in range(200):
        problem = without_pins(seed)
        incumbent = Incumbent(problem, arrays(problem))
        best = math.inf
        for _ in range(20):
            selection = as_selection([int(rng.integers(node.size)) for node in problem.nodes])
            worth = value(problem, selection)
            better = incumbent.offer(selection.astype(np.int64))
            assert better or worth >= best, seed
            best = min(best, worth)
            assert incumbent.feasible_value == best, seed
        if incumbent.fits:
            fitting += 1
            assert incumbent.chosen is not None
            assert value(problem, incumbent.chosen) == best, seed
    assert fitting > 50


def test_less_overflow_is_better_until_there_is_none() -> None:
    uses = (takes(0, 0, 1, 1.0, 4.0, 9.0),)
    problem = Problem(nodes([9, 1, 0]), (), limit(2.0), uses)
    incumbent = Incumbent(problem, arrays(problem))
    for choice, fits in ((2, False), (1, False), (0, True)):
        assert incumbent.offer(np.array([choice]))
        assert incumbent.fits is fits
        assert not incumbent.offer(np.array([2]))
    assert incumbent.value == 9.0


def test_pressing_makes_overflow_dearer_and_nothing_else() -> None:
    problem = Problem(nodes([5, 0]), (), limit(2.0), (takes(0, 0, 1, 1.0, 4.0),))
    incumbent = Incumbent(problem, arrays(problem))
    incumbent.offer(np.array([1]))
    before, price = incumbent.value, incumbent.price
    incumbent.press()
    assert incumbent.price > price
    assert incumbent.value - before == pytest.approx(2.0 * (incumbent.price - price))
    incumbent.offer(np.array([0]))
    price = incumbent.price
    incumbent.press()
    assert (incumbent.value, incumbent.price) == (5.0, price)


def test_rounding_does_not_decide_what_fits() -> None:
    fitting = 0
    for seed in range(150):
        problem = without_pins(seed)
        problem = replace(
            problem,
            resources=tuple(replace(r, capacity=r.capacity * 0.1) for r in problem.resources),
            node_uses=tuple(replace(u, amounts=u.amounts * 0.1) for u in problem.node_uses),
            edge_uses=tuple(replace(u, amounts=u.amounts * 0.1) for u in problem.edge_uses),
        )
        rows = itertools.product(*(range(node.size) for node in problem.nodes))
        for row in itertools.islice(rows, 40):
            incumbent = Incumbent(problem, arrays(problem))
            incumbent.offer(np.array(row))
            assert incumbent.fits == math.isfinite(value(problem, as_selection(row))), seed
            fitting += incumbent.fits
    assert fitting > 100


def test_the_pool_is_ordered_and_has_nothing_twice() -> None:
    problem, chosen = layered_problem(0, layers=3)
    problem = replace(problem, resources=(replace(problem.resources[0], price=1.0),))
    incumbent = Incumbent(problem, arrays(problem))
    rng = np.random.default_rng(0)
    for _ in range(40):
        tried = chosen.astype(np.int64)
        tried[rng.integers(len(tried))] = rng.integers(5)
        incumbent.offer(tried)
        incumbent.offer(tried)
    values = [worth for worth, _ in incumbent.pool]
    assert values == sorted(values)
    assert len({member.tobytes() for _, member in incumbent.pool}) == len(values) > 20


# ---- restricted problems -------------------------------------------------------------------


def restriction(
    problem: Problem, chosen: Selection, rng: np.random.Generator, price: float
) -> Restricted:
    data = arrays(problem)
    allowed = rng.random(len(data.costs)) < 0.6
    allowed &= np.repeat(rng.random(len(problem.nodes)) < 0.7, np.diff(data.graph.first))
    used = use_of(data, chosen)
    return restricted(problem, data, chosen.astype(np.int64), used, allowed, price)


@pytest.mark.parametrize("price", [math.inf, 3.0])
def test_restricted_problems_differ_by_a_constant_only(price: float) -> None:
    rng = np.random.default_rng(0)
    compared = 0
    for seed in range(250):
        problem = without_pins(seed)
        chosen = random_selection(problem, rng, price)
        if chosen is None:
            continue
        part = restriction(problem, chosen, rng, price)
        given = softened(problem, price)
        fixed = value(given, chosen) - value(part.problem, part.hint)
        assert np.array_equal(part.widen(chosen, part.hint), chosen)
        for row in itertools.product(*(range(node.size) for node in part.problem.nodes)):
            found = as_selection(row)
            expected = value(given, part.widen(chosen, found))
            assert value(part.problem, found) + fixed == expected, seed
            compared += 1
    assert compared > 500


@pytest.mark.parametrize("price", [math.inf, 3.0])
def test_the_best_of_a_neighbourhood_is_found(price: float) -> None:
    rng = np.random.default_rng(1)
    improved = 0
    for seed in range(120):
        problem = without_pins(seed)
        chosen = random_selection(problem, rng, price)
        if chosen is None:
            continue
        part = restriction(problem, chosen, rng, price)
        given = softened(problem, price)
        rows = itertools.product(*(kept.tolist() for kept in part.kept))
        best = math.inf
        for row in rows:
            tried = chosen.copy()
            tried[part.free] = row
            best = min(best, value(given, tried))
        outcome = solve_exact(part.problem, LIMITS, part.hint)
        assert outcome.selection is not None
        assert value(given, part.widen(chosen, outcome.selection)) == best, seed
        improved += best < value(given, chosen)
    assert improved > 10


def test_points_between_which_nothing_changes_become_one() -> None:
    uses = (takes(0, 0, 9, 1.0, 2.0), takes(1, 3, 6, 3.0, 4.0), takes(2, 4, 5, 5.0, 5.0))
    problem = Problem(nodes([0, 1], [0, 1], [0, 1]), (), limit(*[12.0] * 9), uses)
    data, chosen = arrays(problem), np.zeros(3, dtype=np.int64)
    allowed = np.array([True, True, False, False, False, False])
    part = restricted(problem, data, chosen, use_of(data, chosen), allowed, math.inf)
    [memory] = part.problem.resources
    assert memory.capacity.tolist() == [4.0]  # 12, less the most that is fixed at once


# ---- neighbourhoods ------------------------------------------------------------------------


def view_of(seed: int) -> View:
    problem, chosen = layered_problem(seed, layers=12)
    data = arrays(problem)
    dual = Dual(data, np.array([math.inf]))
    for _ in range(30):
        dual.step(value(problem, chosen))
    rng = np.random.default_rng(seed)
    pool = [chosen.astype(np.int64) for _ in range(4)]
    for member in pool[1:]:
        member[rng.integers(len(member), size=5)] = rng.integers(5, size=5)
    room = data.capacity - use_of(data, pool[0])
    likely = rng.random(len(data.costs)) < 0.7
    hard = np.ones(len(room), dtype=np.bool_)
    excess, prices = dual.excess, dual.best_prices
    return View(data, pool[0], room, hard, likely, excess, prices, pool, copies_of(data))


def freed(view: View, mask: np.ndarray) -> Ints:
    return np.flatnonzero(np.add.reduceat(mask.astype(int), view.data.graph.first[:-1]) > 0)


@pytest.mark.parametrize("kind", KINDS)
def test_a_neighbourhood_stays_within_its_budget_and_what_is_likely(kind: str) -> None:
    for seed in range(6):
        view = view_of(seed)
        known = view.likely.copy()
        for member in view.pool if kind == "fusion" else ():
            known[view.data.graph.first[:-1] + member] = True
        for budget in (300, 2_000, 10**9):
            mask = free(kind, view, budget, np.random.default_rng(seed))
            again = free(kind, view, budget, np.random.default_rng(seed))
            assert np.array_equal(mask, again)
            assert mask.any()
            assert cells(view.data, mask) <= budget
            assert not (mask & ~known).any()
        assert mask.sum() > 0.8 * known.sum()  # the last budget has room for all it comes to


def test_blocks_move_copies_together() -> None:
    for seed in range(6):
        view = view_of(seed)
        view = replace(view, likely=np.ones_like(view.likely))
        mask = free("blocks", view, 3_000, np.random.default_rng(seed))
        inside = set(freed(view, mask).tolist())
        groups = [set(np.flatnonzero(view.copies == k).tolist()) for k in np.unique(view.copies)]
        met = [group for group in groups if len(group) > 1 and group & inside]
        whole = [group for group in met if group <= inside]
        assert 0 < len(inside) < view.data.graph.count
        assert len(whole) > len(met) / 2, seed  # the budget cuts some short


def test_copies_look_alike_and_others_do_not() -> None:
    problem, _ = layered_problem(0, layers=12)
    copies = copies_of(arrays(problem))
    for a, b in itertools.combinations(range(len(problem.nodes)), 2):
        same = np.array_equal(problem.nodes[a].costs, problem.nodes[b].costs)
        same &= np.array_equal(problem.node_uses[a].amounts, problem.node_uses[b].amounts)
        assert (copies[a] == copies[b]) == same


def test_a_fusion_contains_the_pool_and_then_the_likeliest() -> None:
    view = view_of(1)
    mask = free("fusion", view, 2_000, np.random.default_rng(0))
    first = view.data.graph.first[:-1]
    pooled = np.zeros_like(mask)
    for member in view.pool:
        assert mask[first + member].all()
        pooled[first + member] = True
    added, left = mask & ~pooled, view.likely & ~mask
    assert added.any()
    assert view.excess[added].max() < view.excess[left].min()


def test_a_window_is_around_the_overflow() -> None:
    view = view_of(2)
    room = np.full_like(view.room, 5.0)
    room[7] = -1.0
    view = replace(view, room=room)
    uses = view.data.node_uses
    there = set(uses.owner[(uses.start <= 7) & (uses.stop > 7)].tolist())
    assert len(there) < view.data.graph.count / 5
    for seed in range(5):
        mask = free("window", view, 100, np.random.default_rng(seed))
        inside = set(freed(view, mask).tolist())
        assert len(inside & there) > 0.6 * len(inside)


# ---- annealing -----------------------------------------------------------------------------


def bad_selection(problem: Problem, chosen: Selection) -> Selection:
    """One that fits and is worse: as many nodes as possible take their least memory."""
    found = chosen.copy()
    for taken in problem.node_uses:
        tried = found.copy()
        tried[taken.node] = int(np.argmin(taken.amounts))
        if math.isfinite(value(problem, tried)):
            found = tried
    return found


def annealed(problem: Problem, chosen: Selection, hot: float, moves: int, seed: int) -> Selection:
    data = arrays(problem)
    room = data.capacity - use_of(data, chosen)
    candidates = np.isfinite(data.costs)
    start = chosen.astype(np.int64)
    found = Annealer(data).run(start, room, candidates, moves, hot, 0.01 * hot, seed)
    assert np.array_equal(start, chosen)  # not changed in place
    return found.astype(np.intp)


@pytest.mark.parametrize("hot", [1e-5, 1e-3, 0.1])
def test_annealing_fits_and_is_never_worse(hot: float) -> None:
    gained = 0.0
    for seed in range(6):
        problem, best = layered_problem(seed)
        start = bad_selection(problem, best)
        before = value(problem, start)
        found = annealed(problem, start, hot * before, 3_000, seed)
        assert value(problem, found) <= before
        gained += (before - value(problem, found)) / before
        assert np.array_equal(found, annealed(problem, start, hot * before, 3_000, seed))
    assert gained > 0.1


def test_annealing_respects_random_problems() -> None:
    rng = np.random.default_rng(0)
    tried = 0
    for seed in range(300):
        problem = without_pins(seed)
        prices = np.array([resource.price for resource in problem.resources])
        start = random_selection(problem, rng, math.inf)
        if start is None or not applies(arrays(problem), prices):
            continue
        tried += 1
        found = annealed(problem, start, 5.0, 300, seed)
        assert value(problem, found) <= value(problem, start), seed
    assert tried > 40


def test_annealing_leaves_what_it_does_not_know() -> None:
    soft = Resource("soft", np.ones(1), 2.0)
    memory = NodeUse(0, 0, 1, 0, np.ones(2))
    for problem in (
        Problem(nodes([0, 1]), (), (soft,), (memory,)),
        replace(
            layered_problem(0)[0],
            edge_uses=(EdgeUse(0, 0, 1, 0, np.zeros((5, 5))),),
        ),
    ):
        prices = np.array([resource.price for resource in problem.resources])
        assert not applies(arrays(problem), prices)


def test_room_in_blocks_is_the_room_of_every_point() -> None:
    rng = np.random.default_rng(0)
    for points in (1, 5, 64, 65, 300):
        plain = rng.integers(50, 90, size=points).astype(float)
        room, blocks = plain.copy(), -(-points // anneal_kernels.BLOCK)
        shared = np.zeros(blocks)
        least = np.minimum.reduceat(room, np.arange(blocks) * anneal_kernels.BLOCK)
        for _ in range(200):
            start = int(rng.integers(points))
            stop = int(rng.integers(start + 1, points + 1))
            amount = float(rng.integers(-5, 6))
            plain[start:stop] -= amount
            anneal_kernels.add(room, shared, least, start, stop, amount)
            start = int(rng.integers(points))
            stop = int(rng.integers(start + 1, points + 1))
            found = anneal_kernels.least_room(room, shared, least, start, stop)
            assert found == plain[start:stop].min()


# ---- improvement ---------------------------------------------------------------------------


def improver_of(problem: Problem, start: Selection, limits: Limits) -> tuple[Improver, Arrays]:
    data = arrays(problem)
    dual = Dual(data, np.array([resource.price for resource in problem.resources]))
    for _ in range(30):
        dual.step(value(problem, start))
    dual.settle(1)
    incumbent = Incumbent(problem, data)
    incumbent.offer(start.astype(np.int64))
    clock, rng = Clock(limits.deterministic), np.random.default_rng(limits.seed)
    return Improver(problem, data, dual, incumbent, limits, clock, rng), data


@pytest.mark.parametrize("workers", [1, 3])
def test_neighbourhoods_improve_and_the_bound_stays_a_bound(workers: int) -> None:
    problem, best = layered_problem(3, layers=12)
    start, goal = bad_selection(problem, best), 1.01 * value(problem, best)
    improver, data = improver_of(problem, start, replace(LIMITS, workers=workers))
    told: list[float] = []
    everything = np.ones(len(data.costs), dtype=np.bool_)
    found = improver.incumbent
    assert found.value > goal
    improver.run(20.0, everything, lambda: found.value <= goal, lambda: told.append(found.value))
    assert found.chosen is not None
    assert value(problem, found.chosen) == found.value < value(problem, start)
    assert told == sorted(told, reverse=True)
    assert found.value <= goal
    assert improver.dual.bound <= value(problem, best)
    assert energy_of(data, found.chosen) == found.value


def test_overflow_goes_away() -> None:
    problem = uneven_problem(1, layers=8)
    start = np.argmin([node.costs for node in problem.nodes], axis=1)
    assert max(overflows(problem, start)) > 0.0
    data = arrays(problem)
    dual = Dual(data, np.array([math.inf]))
    dual.settle(3)
    incumbent = Incumbent(problem, data)
    incumbent.offer(start.astype(np.int64))
    improver = Improver(
        problem, data, dual, incumbent, LIMITS, Clock(False), np.random.default_rng(0)
    )
    improver.run(
        10.0, np.ones(len(data.costs), dtype=np.bool_), lambda: incumbent.fits, lambda: None
    )
    assert incumbent.chosen is not None
    assert math.isfinite(value(problem, incumbent.chosen))
