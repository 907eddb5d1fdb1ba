"""`solve` agrees with brute force on every path, keeps its limits, and can repeat exactly."""

from __future__ import annotations

import math
import threading
import time
from dataclasses import replace

import numpy as np
import pytest

import solver.engine.solve as engine
from solver.cpsat import Limits
from solver.engine.clock import Clock
from solver.engine.evaluate import value
from solver.engine.exact import solve_exact
from solver.engine.large import solve_large
from solver.engine.outcome import Outcome
from solver.engine.problem import Node, NodeUse, Problem, Resource, as_selection, plain_edge
from solver.engine.reduce.pins import pins
from solver.engine.solve import solve
from tests.engine.layered_problems import layered_problem, uneven_problem
from tests.engine.random_problems import brute_force, random_problem
from tests.engine.small_problems import INF, edge, limit, nodes, takes

LIMITS = Limits(10.0, 1, 0, False, threading.Event())
SOME = 200
FIRSTS = [
    pytest.param(first, marks=pytest.mark.slow if first else ()) for first in range(0, 1000, SOME)
]


def ignore(_: Outcome) -> None:
    """A report that nobody reads."""


def no_small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "SMALL", 0)


@pytest.fixture(scope="module", autouse=True)
def loaded() -> None:
    """Loading or building compiled loops takes seconds, once: no part of any limit below."""
    problem = uneven_problem(0, layers=2, size=3)
    solve_large(problem, replace(LIMITS, seconds=0.5), Clock(False), ignore)


def check(problem: Problem, outcome: Outcome, best: float) -> None:
    """What every outcome must be, whatever its limits were."""
    assert outcome.bound <= best + 1e-9 * abs(best) if math.isfinite(best) else True
    assert not (outcome.is_infeasible and math.isfinite(best))
    if outcome.selection is None:
        assert outcome.value == INF
    else:
        assert value(problem, outcome.selection) == outcome.value >= best


# ---- against brute force -------------------------------------------------------------------


@pytest.mark.parametrize("is_large", [False, True], ids=["usual", "large"])
@pytest.mark.parametrize("first", FIRSTS)
def test_it_agrees_with_brute_force(
    first: int, is_large: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if is_large:
        no_small_parts(monkeypatch)
    for seed in range(first, first + SOME):
        problem = random_problem(seed)
        best, _ = brute_force(problem)
        outcome = solve(problem, LIMITS, ignore)
        check(problem, outcome, best)
        assert outcome.value == best, seed
        assert outcome.bound == pytest.approx(best), seed
        assert outcome.is_infeasible == math.isinf(best), seed


@pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning")  # of bounds without a way
@pytest.mark.parametrize("first", FIRSTS)
def test_the_large_search_alone_is_never_wrong(first: int) -> None:
    limits = replace(LIMITS, seconds=0.4, deterministic=True)
    recognised = infeasible = 0
    for seed in range(first, first + SOME // 2):
        problem = random_problem(seed)
        best, _ = brute_force(problem)
        step = pins(problem)
        given = problem if step is None else step.problem
        outcome = solve_large(given, limits, Clock(True), ignore)
        check(given, outcome, best)
        assert outcome.value == best, seed
        recognised += outcome.is_infeasible
        infeasible += math.isinf(best)
    assert recognised > 0.9 * infeasible


def test_hardly_any_time_makes_nothing_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    no_small_parts(monkeypatch)
    for seed in range(120):
        problem = random_problem(seed)
        outcome = solve(problem, replace(LIMITS, seconds=0.001), ignore)
        check(problem, outcome, brute_force(problem)[0])


def test_numbers_that_are_no_integers(monkeypatch: pytest.MonkeyPatch) -> None:
    no_small_parts(monkeypatch)
    for seed in range(120):
        problem = random_problem(seed)
        problem = replace(
            problem,
            nodes=tuple(Node(n.name, n.costs * 1e9 / 7) for n in problem.nodes),
            resources=tuple(replace(r, capacity=r.capacity * 0.1) for r in problem.resources),
            node_uses=tuple(replace(u, amounts=u.amounts * 0.1) for u in problem.node_uses),
            edge_uses=tuple(replace(u, amounts=u.amounts * 0.1) for u in problem.edge_uses),
        )
        best, _ = brute_force(problem)
        outcome = solve(problem, LIMITS, ignore)
        check(problem, outcome, best)
        assert outcome.value == pytest.approx(best, rel=1e-9), seed


# ---- special shapes ------------------------------------------------------------------------

TABLE = np.array([[4.0, 0.0], [0.0, 5.0]])
SHAPES = {
    "no nodes": (Problem((), constant=3.0), 3.0),
    "one node": (Problem(nodes([4, 2, 3])), 2.0),
    "one strategy each": (Problem(nodes([4], [5]), (plain_edge(0, 1, np.array([[1.0]])),)), 10.0),
    "no edges": (Problem(nodes([4, 2], [1, 0]), (), limit(3.0), (takes(0, 0, 1, 1, 4),)), 4.0),
    "no resources": (Problem(nodes([0, 1], [0, 1]), (plain_edge(0, 1, TABLE),)), 1.0),
    "nothing costs": (Problem(nodes([0, 0], [0, 0]), (plain_edge(0, 1, 0 * TABLE),)), 0.0),
    "below zero": (Problem(nodes([-9, 1], [-9, 1]), (plain_edge(0, 1, TABLE),), constant=-2), -16),
    "soft only": (
        Problem(nodes([0, 3]), (), (Resource("r", np.zeros(1), 1.0),), (takes(0, 0, 1, 5.0, 1.0),)),
        4.0,
    ),
}


@pytest.mark.parametrize("name", SHAPES)
def test_special_shapes(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    problem, best = SHAPES[name]
    assert brute_force(problem)[0] == best
    outcome = solve(problem, LIMITS, ignore)
    assert (outcome.value, outcome.bound) == (best, best)
    if problem.nodes:
        alone = solve_large(problem, LIMITS, Clock(False), ignore)
        assert (alone.value, alone.bound) == (best, pytest.approx(best))


def colouring(count: int, links: list[tuple[int, int]]) -> Problem:
    """Three colours, none twice along a link; the first one is the cheapest."""
    different = [[INF, 0, 0], [0, INF, 0], [0, 0, INF]]
    return Problem(nodes(*[[0, 1, 2]] * count), tuple(edge(u, v, *different) for u, v in links))


def test_a_start_is_found_among_forbidden_pairs() -> None:
    rng = np.random.default_rng(0)
    for _ in range(5):
        planted = rng.integers(3, size=40)
        pairs = rng.integers(40, size=(400, 2)).tolist()
        links = [(u, v) for u, v in pairs if planted[u] != planted[v]]
        problem = colouring(40, links)
        outcome = solve_large(problem, LIMITS, Clock(False), ignore)
        assert outcome.selection is not None
        assert outcome.is_closed
        assert value(problem, outcome.selection) <= value(problem, as_selection(planted.tolist()))


def test_where_every_pair_is_in_the_way_of_another_nothing_is_feasible() -> None:
    links = [(u, v) for u in range(4) for v in range(u)]
    outcome = solve_large(colouring(4, links), LIMITS, Clock(False), ignore)
    assert outcome.is_infeasible


def test_parts_are_solved_on_their_own_and_reported_together(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    no_small_parts(monkeypatch)
    problem, chosen = layered_problem(1, layers=4)
    count = len(problem.nodes)
    twice = replace(
        problem,
        nodes=problem.nodes * 2,
        edges=(*problem.edges, *(replace(e, u=e.u + count, v=e.v + count) for e in problem.edges)),
        resources=problem.resources * 2,
        node_uses=(
            *problem.node_uses,
            *(NodeUse(1, u.start, u.stop, u.node + count, u.amounts) for u in problem.node_uses),
        ),
    )
    heard: list[Outcome] = []
    outcome = solve(twice, LIMITS, heard.append)
    best = value(twice, np.tile(chosen, 2))
    assert (outcome.value, outcome.bound) == (best, pytest.approx(best))
    values = [report.value for report in heard]
    assert values == sorted(values, reverse=True)
    for report in heard:
        check(twice, report, best)


# ---- large problems ------------------------------------------------------------------------


def test_repeated_layers_are_solved_where_one_model_is_too_slow() -> None:
    problem, chosen = layered_problem(1, layers=100, width=10, size=8, worth=50.0)
    optimum = value(problem, chosen)
    outcome = solve(problem, replace(LIMITS, seconds=15.0), ignore)
    assert outcome.selection is not None
    assert value(problem, outcome.selection) == outcome.value <= 1.01 * optimum
    assert 0.99 * optimum <= outcome.bound <= optimum * (1 + 1e-9)
    assert not solve_exact(problem, replace(LIMITS, seconds=1.0)).is_closed


@pytest.mark.parametrize("after", [0.5, 2.5])
def test_a_wish_to_stop_is_granted_soon_and_the_best_is_kept(after: float) -> None:
    problem = uneven_problem(0, room=2.0)
    stop = threading.Event()
    heard: list[float] = []
    timer = threading.Timer(after, stop.set)
    began = time.monotonic()
    timer.start()
    limits = Limits(60.0, 2, 0, False, stop)
    outcome = solve_large(problem, limits, Clock(False), lambda x: heard.append(x.value))
    assert after <= time.monotonic() - began < after + 2.0
    assert outcome.value <= min(heard, default=INF)
    assert outcome.selection is not None
    assert value(problem, outcome.selection) == outcome.value
    assert not outcome.is_closed


# ---- runs that repeat ----------------------------------------------------------------------


def run(problem: Problem, workers: int) -> list[tuple[float, float, bytes | None]]:
    """All that a reproducible run says, to the bit."""
    heard: list[Outcome] = []
    limits = Limits(1.5, workers, 5, True, threading.Event())
    heard.append(solve(problem, limits, heard.append))
    return [
        (x.value, x.bound, x.selection.tobytes() if x.selection is not None else None)
        for x in heard
    ]


def test_reproducible_runs_are_the_same_to_the_bit() -> None:
    problem = uneven_problem(2, layers=12, room=1.5)
    first = run(problem, workers=1)
    assert len(first) > 1
    assert math.isfinite(first[-1][0])
    assert run(problem, workers=3) == first


def test_a_clock_that_repeats_counts_work_alone() -> None:
    clock = Clock(True)
    clock.count_moves(1000)
    clock.count_model(500, 3.0, is_closed=True)
    small = clock.now()
    clock.count_model(500, 3.0, is_closed=False)
    assert clock.now() == pytest.approx(small + 3.0)
    assert 0.0 < small < 3.0
    before = Clock(False).now()
    assert before <= Clock(False).now() <= time.monotonic()
