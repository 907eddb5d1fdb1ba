"""Changes to the schedule of a whole plan document: each is rejected, by the rule it breaks."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from solver.verify.check import verify
from solver.verify.figures import Edge, StageTime
from solver.verify.simulate import replay, run
from tests.verify.choose import row
from tests.verify.plans import NAMES, plan

Entry = dict[str, Any]
PIPELINES = ("one_f_one_b", "free_order", "measured")


def entries(document: Entry, stage: int, phase: str) -> list[Entry]:
    return [
        action
        for action in document["pipeline"]["schedule"]
        if (action["stage"], action["phase"]) == (stage, phase)
    ]


@pytest.mark.parametrize("name", NAMES)
def test_a_rejected_plan_is_no_matter_of_how_it_is_listed(name: str) -> None:
    """The schedule may be listed in any order; its times say what runs when."""
    problem, document = plan(name)
    document["pipeline"]["schedule"].reverse()
    assert verify(document, problem).violations == ()


@pytest.mark.parametrize("name", PIPELINES)
@pytest.mark.parametrize(("stage", "phase"), [*itertools.product((0, 1), "FBW")])
def test_exchanged_microbatches_are_found(name: str, stage: int, phase: str) -> None:
    """Two micro-batches of one phase change places: someone waits, or messages cross, or memory is
    kept longer than the figures say."""
    problem, document = plan(name)
    found = entries(document, stage, phase)
    for one, other in itertools.combinations(range(len(found)), 2):
        first, second = found[one]["microbatch"], found[other]["microbatch"]
        found[one]["microbatch"], found[other]["microbatch"] = second, first
        report = verify(document, problem)
        found[one]["microbatch"], found[other]["microbatch"] = first, second
        if phase == "W":
            # W may take any micro-batch whose B is done: then nothing changes but the names.
            assert set(report.codes) <= {"schedule-early"}
        else:
            assert set(report.codes) & {"schedule-early", "schedule-messages", "schedule-family"}


@pytest.mark.parametrize("name", PIPELINES)
@settings(max_examples=40, deadline=None, derandomize=True)
@given(st.data())
def test_a_moved_operator_is_found(name: str, data: st.DataObject) -> None:
    """Everything is as early as its order allows: earlier is too early, later makes another wait,
    the step longer, or changes nothing that is claimed."""
    problem, document = plan(name)
    action = data.draw(st.sampled_from(document["pipeline"]["schedule"]))
    seconds = data.draw(st.sampled_from((-1.0, -0.1, -1e-3))) * document["step_time_s"]
    action["start_s"] += seconds
    action["end_s"] += seconds
    codes = set(verify(document, problem).codes)
    assert codes & {"schedule-early", "schedule-overlap"}


@pytest.mark.parametrize("name", PIPELINES)
@settings(max_examples=40, deadline=None, derandomize=True)
@given(st.data())
def test_operators_of_two_stages_are_not_exchanged(name: str, data: st.DataObject) -> None:
    problem, document = plan(name)
    schedule = document["pipeline"]["schedule"]
    one, other = (data.draw(st.sampled_from(schedule)) for _ in range(2))
    assume(one["stage"] != other["stage"])
    for key in ("stage", "device"):
        one[key], other[key] = other[key], one[key]
    if (one["phase"], one["microbatch"]) == (other["phase"], other["microbatch"]):
        assert not verify(document, problem).ok
    else:
        assert "schedule-count" in verify(document, problem).codes


def test_a_later_schedule_is_another_step_time() -> None:
    problem, document = plan("measured")
    for action in document["pipeline"]["schedule"]:
        action["start_s"] += 1.0
        action["end_s"] += 1.0
    assert {"step-time", "bubble", "objective"} <= set(verify(document, problem).codes)


def test_operators_of_microseconds_cannot_each_be_a_little_early() -> None:
    """A nanosecond is nothing in a step of seconds, and much where operators take nanoseconds."""
    time = StageTime(1e-8, 1e-8, 1e-8, 0.0, False)
    order = [row("F0 B0 W0 F1 B1 W1"), row("F0 B0 W0 F1 B1 W1")]
    edges = (Edge(0, 1, 0.0),)
    actions = run(order, (time, time), edges)
    assert not list(replay(actions, (time, time), edges))
    early = [
        replace(a, start=a.start - 0.9e-9, end=a.end - 0.9e-9) if a.start else a for a in actions
    ]
    assert {v.code for v in replay(early, (time, time), edges)} == {"schedule-early"}
