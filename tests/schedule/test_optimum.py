"""Against exhaustive search: optimum, bound, estimate, infeasibility; against published values."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings

from solver.schedule import ScheduleProblem, estimate, lower_bound, solve
from solver.schedule.check import violations
from tests.schedule.exhaustive import optimum
from tests.schedule.instances import pipeline, small_problems

NOISE = 1e-9


@settings(max_examples=60, deadline=None, derandomize=True)
@given(small_problems(2, 2))
def test_microbatches_in_order_lose_nothing(problem: ScheduleProblem) -> None:
    assert optimum(problem, in_order=True) == pytest.approx(optimum(problem, in_order=False))


@settings(max_examples=150, deadline=None, derandomize=True)
@given(small_problems(3, 3))
def test_agrees_with_exhaustive_search(problem: ScheduleProblem) -> None:
    best = optimum(problem, in_order=True)
    result = solve(problem, 10.0, workers=1)
    if math.isinf(best):
        assert result.status == "infeasible"
        assert result.schedule is None
        assert math.isinf(estimate(problem))
        return
    assert lower_bound(problem) <= best * (1 + NOISE)
    assert estimate(problem) >= best * (1 - NOISE)
    assert result.status == "optimal"
    assert result.schedule is not None
    assert result.schedule.makespan == pytest.approx(best, rel=2e-5)
    assert result.bound <= best * (1 + NOISE)
    assert not violations(
        problem,
        result.schedule.actions,
        result.schedule.transfers,
        fused=not problem.split_backward,
    )


# stages, micro-batches, memory, delay -> bubble (makespan less the work of a device), all proved
LINEAR = [
    (4, 8, 4, 0, 180),
    (4, 8, 7, 0, 108),
    (8, 24, 8, 0, 420),
    (8, 24, 12, 0, 280),
    (8, 24, 15, 0, 252),
    (8, 24, 8, 5, 560),
    (8, 24, 12, 5, 350),
    (8, 24, 15, 5, 287),
    (16, 64, 16, 5, 1200),
    (16, 64, 31, 5, 615),
]


@pytest.mark.parametrize(("stages", "microbatches", "memory", "delay", "bubble"), LINEAR)
def test_linear_pipelines_reach_the_known_optimum(
    stages: int, microbatches: int, memory: int, delay: int, bubble: int
) -> None:
    problem = pipeline(stages, microbatches, (36.0, 59.0, 35.0), memory, delay=float(delay))
    result = solve(problem, 30.0)
    assert result.status == "optimal"
    assert result.schedule is not None
    assert result.schedule.makespan - 130 * microbatches == bubble
    assert result.bound == result.schedule.makespan


def test_v_shape_with_nine_activations_is_proved_at_141() -> None:
    problem = pipeline(4, 10, (36.0, 59.0, 35.0), 9, shape="v", visits=2)
    result = solve(problem, 30.0)
    assert result.status == "optimal"
    assert result.schedule is not None
    assert result.schedule.makespan - 2600 == 141
