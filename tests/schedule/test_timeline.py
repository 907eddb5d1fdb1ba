"""The text timeline, the two measures of a bubble and the checker, on readable schedules."""

from __future__ import annotations

from dataclasses import replace

import pytest

from solver.schedule import makespan_bubble, render_timeline, solve, span_bubble
from solver.schedule.check import violations
from tests.schedule.instances import pipeline

ONE_F_ONE_B = pipeline(2, 3, (1.0, 1.0, 1.0), 9, split=False, family="one_f_one_b")


def test_timeline_of_one_f_one_b() -> None:
    problem = replace(ONE_F_ONE_B, tails=(2.0, 0.0))
    schedule = solve(problem, 0.0).schedule
    assert schedule is not None
    assert render_timeline(problem, schedule, width=14) == (
        "0 |FF..BWFBW.BW==|\n1 |.FBWFBWFBW....|"
    )
    assert makespan_bubble(problem, schedule) == (5.0, 5.0)
    assert span_bubble(problem, schedule) == (3.0, 0.0)


def test_the_second_visit_is_lower_case() -> None:
    problem = pipeline(1, 1, (1.0, 1.0, 1.0), 9, visits=2)
    schedule = solve(problem, 1.0).schedule
    assert schedule is not None
    assert sorted(render_timeline(problem, schedule, width=6)[3:9]) == sorted("FfbwBW")


def test_a_timeline_needs_a_column() -> None:
    schedule = solve(ONE_F_ONE_B, 0.0).schedule
    assert schedule is not None
    with pytest.raises(ValueError, match="at least one column"):
        render_timeline(ONE_F_ONE_B, schedule, width=0)


@pytest.mark.parametrize(
    ("phase", "shift", "words"),
    [
        ("F", -0.5, "starts before 0"),
        ("B", -0.5, "before F"),
        ("W", 0.5, "apart from its B"),
        ("F", 1.5, "starts while"),
    ],
)
def test_a_moved_operator_is_noticed(phase: str, shift: float, words: str) -> None:
    schedule = solve(ONE_F_ONE_B, 0.0).schedule
    assert schedule is not None
    moved = [
        replace(a, start=a.start + shift, end=a.end + shift)
        if (a.chunk, a.microbatch, a.phase) == (0 if phase == "F" else 1, 0, phase)
        else a
        for a in schedule.actions
    ]
    moved.sort(key=lambda a: (a.chunk, a.start))
    assert any(words in wrong for wrong in violations(ONE_F_ONE_B, moved, (), fused=True))


def test_missing_actions_and_too_little_memory_are_noticed() -> None:
    schedule = solve(ONE_F_ONE_B, 0.0).schedule
    assert schedule is not None
    assert violations(ONE_F_ONE_B, schedule.actions[1:], (), fused=True)
    tight = replace(ONE_F_ONE_B, capacity_bytes=(1.0, 1.0))
    assert any("exceeds" in wrong for wrong in violations(tight, schedule.actions, (), fused=True))
