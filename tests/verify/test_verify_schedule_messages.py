"""The order of messages: which crossings are a problem, and which orders can never be run."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from solver.verify.check import verify
from solver.verify.families import fixed_order
from solver.verify.figures import Action, StageTime
from solver.verify.figures import Edge as StageEdge
from solver.verify.messages import (
    Operator,
    crossings,
    deadlock_violations,
    message_violations,
    messages,
    stuck,
)
from solver.verify.pipeline_simulation import Case, Chunk, Edge
from tests.verify.plans import plan
from tests.verify.schedule_cases import chain, inputs, random_rows, row, v

PLAIN = Chunk(0, 1, 1, 1)


def case(place: list[int], edges: list[tuple[int, int]], microbatches: int) -> Case:
    chunks = tuple(replace(PLAIN, device=device) for device in place)
    devices = 1 + max(place)
    links = tuple(Edge(source, target) for source, target in edges)
    return Case(chunks, links, microbatches, (99.0,) * devices, (0.0,) * devices)


def test_crossing_of_one_kind_is_found_in_both_directions() -> None:
    rows = [row("0F0 0F1 0B0 0B1"), row("1F1 1F0 1B1 1B0")]
    sent = messages(rows, chain(2), "BB")  # type: ignore[arg-type]
    found = [(x.phase, x.sender, x.microbatch, y.microbatch) for x, y in crossings(sent)]
    assert found == [("F", 0, 0, 1), ("B", 1, 1, 0)]
    alike = [row("0F0 0F1 0B0 0B1"), row("1F0 1B0 1F1 1B1")]
    assert not list(crossings(messages(alike, chain(2), "BB")))  # type: ignore[arg-type]


def test_crossing_of_two_kinds_is_no_problem() -> None:
    """A V: device 0 sends F of chunk 0, then the gradient of chunk 3; device 1 needs the gradient
    first and receives the activations early."""
    rows = [
        row("0F0 3F0 0F1 3B0 3F1 3B1 0B0 0B1"),
        row("1F0 2F0 2B0 1F1 2F1 1B0 2B1 1B1"),
    ]
    sent = messages(rows, chain(4), "BBBB")  # type: ignore[arg-type]
    pair = [x for x in sent if (x.sender, x.receiver) == (0, 1)]
    assert any(x.made < y.made and x.needed > y.needed for x in pair for y in pair)
    assert not list(crossings(sent))
    assert stuck(rows, sent) == ()


CIRCLE = [
    row("0F0 1F0 0B0 1B0"),  # device 0 sends to 1, then to 3
    row("5F0 4F0 4B0 5B0"),  # device 1 needs what 2 sends, then what 0 sends
    row("2F0 3F0 2B0 3B0"),  # device 2 sends to 3, then to 1
    row("6F0 7F0 7B0 6B0"),  # device 3 needs what 0 sends, then what 2 sends
]
CROSSED = [(0, 4), (1, 6), (2, 7), (3, 5)]


def test_one_queue_per_device_can_hang_where_queues_per_pair_do_not() -> None:
    sent = messages(CIRCLE, CROSSED, "B" * 8)  # type: ignore[arg-type]
    assert stuck(CIRCLE, sent) == ()
    assert set(stuck(CIRCLE, sent, one_queue=True)) >= {(5, 0, "F"), (6, 0, "F")}


@pytest.mark.parametrize("stages", [2, 4, 8, 16])
@pytest.mark.parametrize("family", ["gpipe", "one_f_one_b", "zb_h1", "zb_h2"])
def test_fixed_families_pass_on_one_queue(stages: int, family: str) -> None:
    time = StageTime(1.0, 1.0, 1.0, 0.0, family in ("gpipe", "one_f_one_b"))
    edges = tuple(StageEdge(at, at + 1, 0.0) for at in range(stages - 1))
    order = fixed_order(family, (time,) * stages, edges, 2 * stages)
    assert order is not None
    rows: list[list[Operator]] = [
        [(stage, m, phase) for phase, m in line] for stage, line in enumerate(order)
    ]
    sent = messages(rows, chain(stages), "B" * stages)  # type: ignore[arg-type]
    assert stuck(rows, sent, one_queue=True) == ()


SHAPES = [
    ([0, 1, 2], chain(3)),
    (v(3), chain(6)),
    ([0, 1, 2, 0, 1, 2], chain(6)),
    ([0, 1, 2, 3], [(0, 1), (0, 2), (1, 3), (2, 3)]),
    (v(4), [(0, 1), (1, 2), (2, 3), (4, 5), (5, 6), (6, 7)]),
]


@settings(max_examples=150, deadline=None, derandomize=True)
@given(st.sampled_from(SHAPES), st.integers(1, 4), st.integers(0, 9999))
def test_queues_per_pair_run_every_order_that_can_be_run(
    shape: tuple[list[int], list[tuple[int, int]]], microbatches: int, seed: int
) -> None:
    place, edges = shape
    rows = random_rows(case(place, edges, microbatches), seed)
    sent = messages(rows, edges, "B" * len(place))  # type: ignore[arg-type]
    assert not list(crossings(sent))
    assert stuck(rows, sent) == ()


@settings(max_examples=150, deadline=None, derandomize=True)
@given(st.sampled_from(SHAPES), st.integers(1, 3), st.integers(0, 9999), st.data())
def test_stuck_is_a_circle_of_operators(
    shape: tuple[list[int], list[tuple[int, int]]], count: int, seed: int, data: st.DataObject
) -> None:
    """Swap two operators of a device: it gets stuck exactly where no run from the front, operator
    by operator, reaches the end."""
    place, edges = shape
    rows = random_rows(case(place, edges, count), seed)
    line = rows[data.draw(st.integers(0, len(rows) - 1))]
    one, other = (data.draw(st.integers(0, len(line) - 1)) for _ in range(2))
    line[one], line[other] = line[other], line[one]
    sent = messages(rows, edges, "B" * len(place))  # type: ignore[arg-type]
    problem = case(place, edges, count)
    needs = {x: {need for need, _, _ in inputs(problem, x)} for line in rows for x in line}
    done: set[Operator] = set()
    at = [0] * len(rows)
    moved = True
    while moved:
        moved = False
        for device, operators in enumerate(rows):
            while at[device] < len(operators) and needs[operators[at[device]]] <= done:
                done.add(operators[at[device]])
                at[device] += 1
                moved = True
    stopped = tuple(x[n] for x, n in zip(rows, at, strict=True) if n < len(x))
    assert stuck(rows, sent) == stopped


def stage_rows(*texts: str) -> list[list[Action]]:
    """Actions that all take no time at time 0, in the order listed."""
    return [[Action(c, m, p, 0.0, 0.0) for c, m, p in row(text)] for text in texts]


def test_findings_name_the_stages() -> None:
    edges = (StageEdge(0, 1, 0.0),)
    crossed = stage_rows("0F0 0F1 0B0 0B1", "1F1 1F0 1B0 1B1")
    (found,) = message_violations(crossed, edges)
    assert found.code == "schedule-messages"
    assert found.message == (
        "stage 0 sends F of micro-batch 0 before that of 1, and stage 1 needs them the other way "
        "round"
    )
    circle = stage_rows("0F0 0B1 0F1 0B0", "1F0 1F1 1B1 1B0")
    assert not list(message_violations(circle, edges))
    (found,) = deadlock_violations(circle, edges)
    assert found.code == "schedule-deadlock"
    assert found.message == (
        "B of micro-batch 1 on stage 0, F of micro-batch 1 on stage 1: wait for each other for ever"
    )
    within = stage_rows("0B0 0F0", "1F0 1B0")
    (found,) = deadlock_violations(within, edges)
    assert found.code == "schedule-deadlock"


def test_a_plan_whose_messages_cross_is_rejected() -> None:
    """The times are right, the memory is, and the stages take the micro-batches differently."""
    problem, document = plan("measured")
    schedule = document["pipeline"]["schedule"]
    for action in schedule:
        if action["stage"] == 1:
            action["microbatch"] = 1 - action["microbatch"]
    late = max(a["end_s"] for a in schedule)
    for action in schedule:
        if action["stage"] == 1 or action["phase"] != "F":
            action["start_s"] += late
            action["end_s"] += late
        if action["stage"] == 0 and action["phase"] != "F":
            action["start_s"] += late
            action["end_s"] += late
    assert verify(document, problem).codes == ("schedule-messages",)
