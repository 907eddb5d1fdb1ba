"""Fixed schedules: published bubble formulas, memory, refusals."""

from __future__ import annotations

from dataclasses import replace

import pytest

from solver.schedule import (
    FAMILIES,
    Chunk,
    ScheduleProblem,
    estimate,
    makespan_bubble,
    solve,
    span_bubble,
)
from solver.schedule.families import is_fused
from solver.schedule.memory import peaks
from solver.schedule.starts import family_schedule
from tests.schedule.instances import Times, pipeline

AMPLE = 1000.0
STAGES = range(2, 17)


def bubble(problem: ScheduleProblem) -> float:
    result = solve(problem, 0.0)
    assert result.status == "optimal"
    assert result.schedule is not None
    assert result.bound == result.schedule.makespan == estimate(problem)
    return max(makespan_bubble(problem, result.schedule))


@pytest.mark.parametrize("stages", STAGES)
@pytest.mark.parametrize("times", [(1.0, 1.0, 1.0), (2.0, 3.0, 1.0)])
@pytest.mark.parametrize("family", ["gpipe", "one_f_one_b"])
def test_fused_bubble(stages: int, times: Times, family: str) -> None:
    problem = pipeline(stages, 2 * stages, times, AMPLE, split=False, family=family)
    assert bubble(problem) == (stages - 1) * sum(times)


@pytest.mark.parametrize("stages", STAGES)
def test_zero_bubble_formulas_at_unit_times(stages: int) -> None:
    h1 = pipeline(stages, 2 * stages, (1.0, 1.0, 1.0), stages, family="zb_h1")
    assert bubble(h1) == stages - 1  # (P - 1)(F + B - W)
    h2 = pipeline(stages, 3 * stages, (1.0, 1.0, 1.0), 2 * stages - 1, family="zb_h2")
    assert bubble(h2) == stages - 1  # the ramp (P - 1) F
    schedule = solve(h2, 0.0).schedule
    assert schedule is not None
    assert span_bubble(h2, schedule) == (0.0,) * stages  # (P - 1)(F + B - 2W)


@pytest.mark.parametrize("stages", STAGES)
@pytest.mark.parametrize("visits", [2, 3, 4])
@pytest.mark.parametrize("times", [(1.0, 1.0, 1.0), (2.0, 3.0, 1.0)])
def test_interleaving_divides_the_bubble(stages: int, visits: int, times: Times) -> None:
    problem = pipeline(
        stages, 2 * stages, times, AMPLE, split=False, family="interleaved", visits=visits
    )
    assert bubble(problem) == (stages - 1) * sum(times)


@pytest.mark.parametrize("stages", STAGES)
def test_peak_activations_of_every_device(stages: int) -> None:
    count = 3 * stages
    expected = {
        "gpipe": [count] * stages,
        "one_f_one_b": [stages - p for p in range(stages)],
        "zb_h1": [stages] * stages,
        "zb_h2": [2 * stages - 1] * stages,
    }
    for family, activations in expected.items():
        problem = pipeline(stages, count, (1.0, 1.0, 1.0), AMPLE, family=family)
        operators, found = family_schedule(problem)
        assert found is not None
        assert peaks(operators, found.order) == activations


@pytest.mark.parametrize("stages", STAGES)
@pytest.mark.parametrize("visits", [2, 3])
def test_peak_activations_when_interleaved(stages: int, visits: int) -> None:
    problem = pipeline(
        stages, 4 * stages, (1.0, 1.0, 1.0), AMPLE, family="interleaved", visits=visits
    )
    operators, found = family_schedule(problem)
    assert found is not None
    assert peaks(operators, found.order) == [
        2 * (stages - p - 1) + (visits - 1) * stages + 1 for p in range(stages)
    ]


@pytest.mark.parametrize("family", ["gpipe", "one_f_one_b", "zb_h1", "zb_h2"])
def test_a_family_over_its_memory_is_infeasible(family: str) -> None:
    problem = pipeline(4, 12, (1.0, 1.0, 1.0), 3.0, family=family)
    assert solve(problem, 1.0).status == "infeasible"
    assert estimate(problem) == float("inf")


def test_one_f_one_b_orders_a_branching_graph() -> None:
    base = pipeline(5, 6, (1.0, 2.0, 1.0), AMPLE, split=False, family="one_f_one_b")
    tower, chain, joined = (0, 2), (1, 2), (3, 4)
    edges = [replace(base.edges[0], source=a, target=b) for a, b in (tower, chain, (2, 3), joined)]
    result = solve(replace(base, edges=tuple(edges)), 1.0)
    assert result.status == "optimal"
    assert result.bound == 6 * 4 + 3 * 4  # a chain of 4 is the longest way


REFUSALS = [
    (pipeline(2, 4, (1, 1, 1), 9, family="one_f_one_b", visits=2), "one chunk per device"),
    (pipeline(2, 4, (1, 1, 1), 9, family="zb_h1", visits=2), "one chunk per device"),
    (pipeline(2, 4, (1, 1, 1), 9, family="zb_h2", split=False), "needs the weight gradient apart"),
    (pipeline(2, 5, (1, 1, 1), 9, family="interleaved", visits=2), "a multiple of 2"),
    (pipeline(2, 4, (1, 1, 1), 9, family="interleaved", shape="v", visits=2), "in turn"),
    (pipeline(2, 4, (1, 1, 1), 9, family="spiral"), "unknown schedule family `spiral`"),
]


@pytest.mark.parametrize(("problem", "words"), REFUSALS)
def test_a_family_refuses_what_it_cannot_order(problem: ScheduleProblem, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        solve(problem, 1.0)
    with pytest.raises(ValueError, match=words):
        estimate(problem)


def test_fused_families_run_w_directly_after_b() -> None:
    assert [name for name in FAMILIES if is_fused(name)] == ["gpipe", "one_f_one_b", "interleaved"]
    schedule = solve(pipeline(3, 4, (1, 2, 1), AMPLE, family="one_f_one_b"), 1.0).schedule
    assert schedule is not None
    ends = {(a.chunk, a.microbatch): a.end for a in schedule.actions if a.phase == "B"}
    for action in schedule.actions:
        if action.phase == "W":
            assert action.start == ends[action.chunk, action.microbatch]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"microbatches": 0}, "at least one device"),
        ({"tails": (0.0,)}, "one entry per device"),
        ({"tails": (0.0, -1.0)}, "tails must be finite"),
        ({"capacity_bytes": (1.0, float("nan"))}, "must be numbers"),
        ({"chunks": (Chunk("a", 2, 1, 1, 1, 1, 0),) * 2}, "on device 2 of 2"),
        ({"chunks": (Chunk("a", 0, 1, 1, 1, 1, 2),) * 2}, "releases more"),
        ({"chunks": (Chunk("a", 0, 1, float("inf"), 1, 1, 0),) * 2}, "times of chunk a"),
    ],
)
def test_a_problem_that_makes_no_sense_is_refused(change: dict[str, object], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        replace(pipeline(2, 2, (1, 1, 1), 4), **change)


def test_a_circle_of_chunks_is_refused() -> None:
    problem = pipeline(2, 2, (1, 1, 1), 4)
    back = replace(problem.edges[0], source=1, target=0)
    with pytest.raises(ValueError, match="in a circle"):
        replace(problem, edges=(*problem.edges, back))
