"""The search itself: models without combinatorial help, windows, interrupts, repetition."""

from __future__ import annotations

import threading
import time
from dataclasses import replace

import pytest

from solver.schedule import Schedule, ScheduleProblem, estimate, lower_bound, solve
from solver.schedule.budget import Budget
from solver.schedule.check import violations
from solver.schedule.cpsat import Effort, solve_order
from solver.schedule.feasibility import one_by_one
from solver.schedule.heads import margins
from solver.schedule.neighbourhood import whole
from solver.schedule.operators import Order, lower
from solver.schedule.retime import makespan, retime
from solver.schedule.starts import timed
from solver.schedule.ticks import common_quantum, in_ticks
from solver.schedule.windows import improve
from tests.schedule.instances import pipeline

TIGHT_V = pipeline(4, 6, (36.0, 59.0, 35.0), 5, shape="v", visits=2)


def effort(seconds: float) -> Effort:
    return Effort(seconds, 2, 0, False, threading.Event())


@pytest.mark.parametrize(
    ("problem", "expected"),
    [
        (pipeline(3, 4, (2.0, 3.0, 1.0), 2.0), None),
        (pipeline(2, 3, (1.0, 2.0, 1.0), 3.0, shape="v", visits=2), None),
        (pipeline(4, 8, (36.0, 59.0, 35.0), 4), 180.0 + 8 * 130.0),
    ],
)
def test_the_whole_model_alone_agrees(problem: ScheduleProblem, expected: float | None) -> None:
    operators = lower(problem, fused=False)
    order = one_by_one(operators)
    assert order is not None
    ticked = in_ticks(operators, 1e6).operators
    starts = retime(ticked, order)
    assert starts is not None
    upper = int(makespan(ticked, order, starts))
    found: list[Order] = []
    frame = whole(ticked, margins(ticked), starts, 0, upper)
    answer = solve_order(frame, effort(20.0), on_order=found.append)
    assert answer.status == "optimal"
    best = timed(operators, found[-1])
    assert best is not None
    known = solve(problem, 20.0).schedule
    assert known is not None
    assert best.makespan == known.makespan == (expected or known.makespan)


def test_windows_improve_a_poor_order_and_keep_it_sound() -> None:
    operators = lower(TIGHT_V, fused=False)
    order = one_by_one(operators)
    assert order is not None
    before = timed(operators, order)
    assert before is not None
    found: list[float] = []

    def keep(better: Order) -> None:
        now = timed(operators, better)
        assert now is not None  # sound and within memory, whatever the window
        found.append(now.makespan)

    ticked = in_ticks(operators, before.makespan).operators
    improve(ticked, order, 0, effort(3.0), Budget(3.0, deterministic=False), keep)
    assert min(found) < 0.9 * before.makespan


def test_every_incumbent_is_valid_and_better_than_the_last() -> None:
    seen: list[Schedule] = []
    result = solve(TIGHT_V, 4.0, on_incumbent=seen.append)
    assert result.schedule == seen[-1] or result.schedule is not None
    assert [s.makespan for s in seen] == sorted({s.makespan for s in seen}, reverse=True)
    for schedule in seen:
        assert not violations(TIGHT_V, schedule.actions, (), fused=False)
        assert schedule.bound <= schedule.makespan
    assert lower_bound(TIGHT_V) <= result.bound <= seen[-1].makespan <= estimate(TIGHT_V)


def test_stop_ends_the_search_with_the_best_so_far() -> None:
    stop = threading.Event()
    problem = pipeline(8, 24, (1.0, 1.0, 1.0), 8, shape="v", visits=2)
    begin = time.monotonic()
    threading.Timer(1.0, stop.set).start()
    result = solve(problem, 60.0, stop=stop)
    assert time.monotonic() - begin < 15.0
    assert result.status == "feasible"
    assert result.schedule is not None


def test_deterministic_runs_repeat() -> None:
    problem = pipeline(4, 6, (3.0, 5.0, 2.0), 4, shape="v", visits=2, delay=1.0)
    one, two = (solve(problem, 0.5, workers=1, seed=3, deterministic=True) for _ in range(2))
    assert one == two


def test_large_problems_are_answered_within_the_time() -> None:
    problem = pipeline(16, 96, (1.0, 2.0, 1.5), 12, delay=0.25)  # 4,608 operators
    begin = time.monotonic()
    result = solve(problem, 3.0)
    assert time.monotonic() - begin < 20.0
    assert result.schedule is not None
    assert lower_bound(problem) <= result.bound <= result.schedule.makespan <= estimate(problem)


def test_one_chunk_needs_no_search() -> None:
    problem = pipeline(1, 50, (1.0, 2.0, 1.5), 1.0)
    result = solve(replace(problem, tails=(7.0,)), 0.0)
    assert result.status == "optimal"
    assert result.source == "bound"
    assert result.bound == pytest.approx(50 * 4.5 + 7.0)


def test_estimate_and_bound_are_fast() -> None:
    """Milliseconds of processor time on an idle core, with room for a slow one."""
    problem = pipeline(16, 64, (36.0, 59.0, 35.0), 16, delay=5.0)
    for function in (estimate, lower_bound):
        times = []
        for _ in range(5):
            begin = time.process_time()
            function(problem)
            times.append(time.process_time() - begin)
        assert min(times) < 0.060


@pytest.mark.parametrize(
    ("values", "quantum"),
    [
        ([36.0, 59.0, 35.0], 1.0),
        ([0.036, 0.059, 0.035, 0.0], 0.001),
        ([0.2, 0.3], 0.1),
        ([], 1.0),
        ([1.0, 2.0**0.5], None),
    ],
)
def test_common_quantum(values: list[float], quantum: float | None) -> None:
    assert common_quantum(values) == (None if quantum is None else pytest.approx(quantum))


def test_incommensurable_times_are_closed_up_to_the_rounding() -> None:
    problem = pipeline(3, 4, (2.0**0.5, 3.0**0.5, 1.1), 2.0, delay=0.01)
    result = solve(problem, 20.0)
    assert result.status == "optimal"
    assert result.schedule is not None
    assert result.bound <= result.schedule.makespan <= result.bound * 1.00001
