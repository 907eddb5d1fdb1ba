"""Links, streams, spans, pins on orders: against exhaustive search."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import given, settings

from solver.schedule import Action, OrderPin, ScheduleProblem, estimate, lower_bound, solve
from solver.schedule.check import violations
from tests.schedule.exhaustive import optimum
from tests.schedule.instances import pipeline, small_networks

NOISE = 1e-9


def _agrees(problem: ScheduleProblem) -> None:
    best = optimum(problem, in_order=True)
    result = solve(problem, 20.0, workers=1)
    if math.isinf(best):
        assert result.status == "infeasible"
        return
    assert lower_bound(problem) <= best + NOISE
    assert estimate(problem) >= best - NOISE
    assert result.status == "optimal"
    found = result.schedule
    assert found is not None
    assert found.value == pytest.approx(best, rel=2e-5)
    assert result.bound <= best * (1 + NOISE)
    assert not violations(problem, found.actions, found.transfers, not problem.split_backward)
    weights = [problem.pins[number].weight for number in found.broken]
    assert None not in weights
    paid = sum(weight or 0.0 for weight in weights)
    objective = found.span if problem.objective == "span" else found.makespan
    assert found.value == pytest.approx(objective + paid)


@settings(max_examples=120, deadline=None, derandomize=True)
@given(small_networks())
def test_links_and_streams_agree_with_exhaustive_search(problem: ScheduleProblem) -> None:
    _agrees(problem)


@settings(max_examples=120, deadline=None, derandomize=True)
@given(small_networks(pinned=True))
def test_pins_on_orders_agree_with_exhaustive_search(problem: ScheduleProblem) -> None:
    _agrees(problem)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(small_networks())
def test_spans_agree_with_exhaustive_search(problem: ScheduleProblem) -> None:
    _agrees(replace(problem, objective="span"))


def test_a_soft_pin_is_broken_where_that_is_cheaper() -> None:
    """On two stages, all forwards of the first before its first backward cost one B and F more."""
    plain = pipeline(2, 3, (1.0, 1.0, 1.0), 3.0)
    free = solve(plain, 10.0).schedule
    wanted = OrderPin((0, "W", 2), (0, "B", 1))
    forced = solve(replace(plain, pins=(wanted,)), 10.0)
    assert free is not None
    assert forced.status == "infeasible"
    early = OrderPin((0, "F", 2), (1, "F", 0))
    kept = solve(replace(plain, pins=(early,)), 10.0).schedule
    assert kept is not None
    price = kept.makespan - free.makespan
    assert price > 0.5
    for factor, broken in ((0.9, (0,)), (1.1, ())):
        pinned = replace(plain, pins=(replace(early, weight=factor * price),))
        found = solve(pinned, 10.0).schedule
        assert found is not None
        assert found.broken == broken
        assert found.value == pytest.approx(free.makespan + min(factor, 1.0) * price)


def test_a_start_is_never_made_worse_and_may_be_part_of_one() -> None:
    problem = pipeline(4, 8, (36.0, 59.0, 35.0), 4.0)
    best = solve(problem, 10.0).schedule
    assert best is not None
    again = solve(problem, 0.0, start=best.actions).schedule
    assert again is not None
    assert again.makespan <= best.makespan
    some: list[Action] = [a for a in best.actions if a.phase != "W"]
    part = solve(problem, 0.0, start=some).schedule
    assert part is not None
    with pytest.raises(ValueError, match="twice"):
        solve(problem, 0.0, start=[some[0], some[0]])
    with pytest.raises(ValueError, match="no F"):
        solve(problem, 0.0, start=[replace(some[0], chunk=9, phase="F")])


def test_messages_queue_on_a_link() -> None:
    """Four messages of 4 s on one link take 16 s, on none they overlap."""
    plain = pipeline(2, 4, (1.0, 1.0, 1.0), 4.0)
    edge = replace(plain.edges[0], transfer=4.0, link=0)
    one = solve(replace(plain, edges=(edge,), links=1), 10.0).schedule
    many = solve(replace(plain, edges=(replace(plain.edges[0], delay=4.0),)), 10.0).schedule
    assert one is not None
    assert many is not None
    assert [t.phase for t in one.transfers] == ["F"] * 4
    assert max(t.end for t in one.transfers) >= 17.0
    assert one.makespan > many.makespan
