"""Schedules that the scheduler finds pass the verifier's simulation, and its figures agree."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings

from solver.schedule import Edge, Schedule, ScheduleProblem, solve
from tests.schedule.instances import pipeline, small_problems
from tests.schedule.judging import judge


def agrees(problem: ScheduleProblem, schedule: Schedule) -> None:
    found = judge(problem, schedule)
    assert found.violations == ()
    assert found.outcome is not None
    assert found.outcome.makespan == pytest.approx(schedule.makespan)
    assert found.outcome.span == pytest.approx(schedule.span)


@settings(max_examples=25, deadline=None, derandomize=True)
@given(small_problems(chunks_up_to=4, microbatches_up_to=3))
def test_what_the_scheduler_finds_is_valid(problem: ScheduleProblem) -> None:
    result = solve(problem, 0.1, 1, 0, deterministic=True)
    if result.schedule is not None:
        agrees(problem, result.schedule)


@pytest.mark.parametrize("objective", ["makespan", "span"])
@pytest.mark.parametrize("memory", [4.0, 6.0, 8.0])
def test_a_v_over_shared_links_is_valid(objective: str, memory: float) -> None:
    """Four devices, three links that carry both directions."""
    plain = pipeline(4, 4, (2.0, 3.0, 1.0), memory, delay=0.5, shape="v", visits=2)
    links = (0, 1, 2, None, 2, 1, 0)
    edges = tuple(
        Edge(e.source, e.target, e.delay, 0.75, link, link)
        for e, link in zip(plain.edges, links, strict=True)
    )
    problem = replace(plain, edges=edges, links=3, objective=objective)  # type: ignore[arg-type]
    result = solve(problem, 0.05, 1, 0, deterministic=True)
    assert result.schedule is not None
    assert result.schedule.transfers
    agrees(problem, result.schedule)


FAMILIES = [("gpipe", 1), ("one_f_one_b", 1), ("zb_h1", 1), ("zb_h2", 1), ("zb_v", 2), ("v_min", 2)]


@pytest.mark.parametrize(("family", "visits"), FAMILIES)
def test_families_are_valid_in_their_published_memory(family: str, visits: int) -> None:
    shape = "v" if visits == 2 else "linear"
    problem = pipeline(4, 8, (1.0, 1.0, 1.0), 99.0, family=family, shape=shape, visits=visits)
    result = solve(problem, 1.0, 1, 0)
    assert result.schedule is not None
    agrees(problem, result.schedule)
    found = judge(problem, result.schedule).outcome
    assert found is not None
    published = {"gpipe": 8, "one_f_one_b": 4, "zb_h1": 4, "zb_h2": 7, "zb_v": 8, "v_min": 4}
    assert max(found.peak_bytes) == published[family]
