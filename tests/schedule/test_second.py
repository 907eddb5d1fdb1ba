"""What is decided after the objective: memory, then messages under way."""

from __future__ import annotations

import pytest

from solver.schedule import ScheduleProblem, solve
from solver.schedule.memory import peaks
from solver.schedule.operators import lower, operator_at
from solver.schedule.problem import Schedule
from solver.schedule.second import under_way
from tests.schedule.instances import pipeline

ROOMY = pipeline(4, 8, (36.0, 59.0, 35.0), 30.0)


def _peak(problem: ScheduleProblem, schedule: Schedule) -> float:
    operators = lower(problem, fused=False)
    order: list[list[int]] = [[] for _ in range(problem.devices)]
    for a in schedule.actions:
        op = operator_at(operators, (a.chunk, a.phase, a.microbatch))
        order[problem.chunks[a.chunk].device].append(op)
    return max(peaks(operators, tuple(map(tuple, order))))


def _under_way(problem: ScheduleProblem, schedule: Schedule) -> int:
    operators = lower(problem, fused=False)
    starts = [0.0] * operators.count
    for a in schedule.actions:
        starts[operator_at(operators, (a.chunk, a.phase, a.microbatch))] = a.start
    return under_way(operators, starts)


def test_the_least_memory_for_the_best_makespan() -> None:
    """2P - 1 activations are what no bubble between first and last operator takes (ZB-H2)."""
    plain = solve(ROOMY, 10.0).schedule
    lean = solve(ROOMY, 20.0, then=("memory",)).schedule
    assert plain is not None
    assert lean is not None
    assert lean.makespan == pytest.approx(plain.makespan)
    assert _peak(ROOMY, lean) <= min(7, _peak(ROOMY, plain))
    fewer = pipeline(4, 8, (36.0, 59.0, 35.0), _peak(ROOMY, lean) - 1)
    assert solve(fewer, 10.0).bound > lean.makespan


def test_not_more_messages_are_under_way() -> None:
    for memory in (4.0, 30.0):
        problem = pipeline(4, 8, (36.0, 59.0, 35.0), memory, delay=5.0)
        plain = solve(problem, 10.0).schedule
        fewer = solve(problem, 10.0, then=("transfers",)).schedule
        assert plain is not None
        assert fewer is not None
        assert fewer.makespan == pytest.approx(plain.makespan)
        assert _under_way(problem, fewer) <= _under_way(problem, plain)
