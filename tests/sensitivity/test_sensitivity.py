"""Ranges in which a plan stays best, held against searches inside and outside of them."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from solver.sensitivity.difference import difference, same
from solver.sensitivity.ranges import TOLERANCE, reach
from solver.sensitivity.sides import Side, moved, sides
from solver.verify.reprice import reprice
from tests.solver.solving import plan
from tests.solver.specs import Draft

DRAFT = Draft("normed", sizes=(4098, 1024, 2048), train="microbatches 1 pipeline 1 stage")


@pytest.fixture(scope="module")
def slow_bus() -> Side:
    """The end of a number at which another plan is best."""
    (side,) = (s for s in sides(DRAFT.spec()) if (s.parameter.what, s.end) == ("bandwidth", "low"))
    return side


def test_every_number_is_moved_as_far_as_it_may_be_off() -> None:
    found = sides(DRAFT.spec())
    assert [(side.parameter.what, side.end) for side in found] == [
        ("compute", "low"),  # a toy's rates are its peaks
        ("memory", "low"),
        ("launch", "low"),
        ("launch", "high"),
        ("bandwidth", "low"),
        ("latency", "low"),
        ("latency", "high"),
    ]
    for side in found:
        assert abs(math.log(side.factor)) == pytest.approx(2 * side.parameter.spread)


def test_rates_are_moved_up_to_their_peaks() -> None:
    spec = DRAFT.spec()
    rate = spec.mesh.device.memory_bandwidth
    known = replace(spec.mesh.device, physics={"memory_bandwidth_bytes_per_s": 1.25 * rate})
    roomy = replace(spec, mesh=replace(spec.mesh, kinds=(known,)))
    (high,) = (s for s in sides(roomy) if (s.parameter.what, s.end) == ("memory", "high"))
    assert high.factor == pytest.approx(1.25)


def test_a_plan_stays_best_up_to_the_limit_and_not_beyond(slow_bus: Side) -> None:
    side, spec = slow_bus, DRAFT.spec()
    best, there = plan(spec), plan(side.spec(spec))
    found = reach(side, spec, best, [there])
    assert found.limit is not None
    loser = reprice(best, side.spec(spec)).step_time
    assert found.gain == pytest.approx(1 - there["step_time_s"] / loser)
    assert found.gain > 0.1
    assert found.rival is there
    inside = moved(spec, side.parameter, found.limit)
    assert reprice(best, inside).step_time <= plan(inside)["step_time_s"] * (1 + 2 * TOLERANCE)
    beyond = moved(spec, side.parameter, found.limit ** (1 / 1.2) * side.factor ** (1 - 1 / 1.2))
    assert reprice(best, beyond).step_time > reprice(there, beyond).step_time


def test_without_a_rival_the_whole_range_is_safe(slow_bus: Side) -> None:
    best = plan(DRAFT.spec())
    found = reach(slow_bus, DRAFT.spec(), best, [])
    assert (found.limit, found.rival, found.gain) == (None, None, 0.0)


def test_what_differs_in_words(slow_bus: Side) -> None:
    side, spec = slow_bus, DRAFT.spec()
    words = difference(plan(spec), plan(side.spec(spec)))
    assert "of 2 operators cut or placed otherwise" in words
    two = plan(replace(DRAFT, train="microbatches 2 pipeline 1 stage").spec())
    assert difference(plan(spec), two).startswith("2 micro-batches instead of 1")
    assert difference(two, two) == "the same decisions in another order"


def test_plans_that_decide_the_same(slow_bus: Side) -> None:
    spec = DRAFT.spec()
    assert same(plan(spec), plan(spec, seed=1))
    assert not same(plan(spec), plan(slow_bus.spec(spec)))
