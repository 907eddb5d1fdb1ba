"""The simulation of schedules: figures by hand, and every kind of broken rule is found."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from solver.verify.pipeline_simulation import Action, Case, Chunk, Edge, Transfer, simulate
from tests.verify.schedule_cases import cases, random_rows, row, timed

TWO = Case(
    chunks=(Chunk(0, 1, 2, 1, 4.0, 1.0, 0.5), Chunk(1, 1, 2, 1, 4.0, 1.0)),
    edges=(Edge(0, 1, 0.25),),
    microbatches=2,
    capacities=(8.5, 7.0),
    tails=(0.5, 2.0),
)
ROWS = [row("0F0 0F1 0B0 0W0 0B1 0W1"), row("1F0 1B0 1F1 1W0 1B1 1W1")]


def test_figures_of_a_schedule_by_hand() -> None:
    actions, _ = timed(TWO, ROWS)
    found = simulate(TWO, actions)
    assert found.violations == ()
    assert found.outcome is not None
    # Device 1 starts at 1.25 (F, delay) and works for 8 s; its last B ends at 8.25 and W at 9.25.
    # Device 0 gets the second gradient at 8.5, and runs B and W until 11.5.
    assert found.outcome.makespan == 12.0
    assert found.outcome.span == 12.0
    assert found.outcome.busy == (8.0, 8.0)
    # Device 0: both activations and workspace. Device 1: F 4, less 1 after B, F of the other 4.
    assert found.outcome.peak_bytes == (8.5, 7.0)
    # The second activations wait from 2 to 4.25, when the first gradient leaves.
    assert found.outcome.in_flight == 1
    assert not found.outcome.hangs_on_one_queue
    actions, _ = timed(TWO, [ROWS[0], row("1F0 1B0 1W0 1F1 1B1 1W1")])
    later = simulate(TWO, actions).outcome
    assert later is not None
    assert later.in_flight == 2  # now they wait until 5.25


def test_span_is_that_of_the_busiest_device_and_has_its_tail() -> None:
    case = replace(TWO, tails=(0.0, 9.0))
    actions, _ = timed(case, ROWS)
    outcome = simulate(case, actions).outcome
    assert outcome is not None
    assert outcome.makespan == 9.25 + 9.0
    assert outcome.span == 9.25 + 9.0 - 1.25


def test_links_carry_one_message_after_the_other() -> None:
    """Two forwards of 1 s over a link that takes 3 s each, and back over the same link."""
    edges = (Edge(0, 1, 0.25, link=0, forward_transfer=3.0, back_link=0, backward_transfer=1.0),)
    case = replace(TWO, edges=edges)
    sent = [
        Transfer(0, 0, "F", 1.0, 4.0),
        Transfer(0, 1, "F", 4.0, 7.0),
        Transfer(0, 0, "B", 7.25, 8.25),
        Transfer(0, 1, "B", 11.25, 12.25),
    ]
    actions = [
        Action(0, 0, "F", 0.0, 1.0),
        Action(0, 1, "F", 1.0, 2.0),
        Action(1, 0, "F", 4.25, 5.25),
        Action(1, 0, "B", 5.25, 7.25),
        Action(1, 1, "F", 7.25, 8.25),
        Action(1, 0, "W", 8.25, 9.25),
        Action(1, 1, "B", 9.25, 11.25),
        Action(1, 1, "W", 11.25, 12.25),
        Action(0, 0, "B", 8.5, 10.5),
        Action(0, 0, "W", 10.5, 11.5),
        Action(0, 1, "B", 12.5, 14.5),
        Action(0, 1, "W", 14.5, 15.5),
    ]
    assert simulate(case, actions, sent).violations == ()
    early = [replace(sent[1], start=3.0, end=6.0) if x == sent[1] else x for x in sent]
    assert simulate(case, actions, early).violations == (
        "F of micro-batch 1 on edge 0 starts while F of micro-batch 0 on edge 0 goes on",
    )
    unsent = [replace(sent[3], start=11.0, end=12.0) if x == sent[3] else x for x in sent]
    assert simulate(case, actions, unsent).violations == (
        "B of micro-batch 1 on edge 0 starts before B of micro-batch 1 in chunk 1 has ended and "
        "arrived",
    )
    late = [replace(sent[3], start=11.5, end=12.5) if x == sent[3] else x for x in sent]
    assert simulate(case, actions, late).violations == (
        "B of micro-batch 1 in chunk 0 starts before B of micro-batch 1 on edge 0 has ended and "
        "arrived",
    )
    meeting = [replace(sent[2], start=6.5, end=7.5) if x == sent[2] else x for x in sent]
    assert simulate(case, actions, meeting).violations == (
        "B of micro-batch 0 on edge 0 starts before B of micro-batch 0 in chunk 1 has ended and "
        "arrived",
        "B of micro-batch 0 on edge 0 starts while F of micro-batch 1 on edge 0 goes on",
    )
    slow = [replace(sent[0], end=3.0) if x == sent[0] else x for x in sent]
    assert simulate(case, actions, slow).violations == (
        "F of micro-batch 0 on edge 0 takes 3.0 s, not 2.0",
    )


def test_streams_run_beside_each_other_and_hold_nothing() -> None:
    """A collective on stream 1 of the device hides behind the compute of the next micro-batch."""
    chunks = (Chunk(0, 2, 1, 1, 1.0, 1.0), Chunk(0, 2, 1, 1, stream=1))
    case = Case(chunks, (Edge(0, 1),), 2, (2.0,), (0.0,))
    rows = [row("0F0 0F1 0B0 0W0 0B1 0W1"), row("1F0 1B0 1W0 1F1 1B1 1W1")]
    actions, _ = timed(case, rows)
    found = simulate(case, actions)
    assert found.violations == ()
    assert found.outcome is not None
    assert found.outcome.busy == (8.0,)
    assert found.outcome.in_flight == 0
    together = tuple(replace(chunk, stream=0) for chunk in chunks)
    crowded = simulate(replace(case, chunks=together), actions).violations
    assert crowded[0] == (
        "F of micro-batch 0 in chunk 1 starts while F of micro-batch 1 in chunk 0 goes on"
    )
    holding = (chunks[0], replace(chunks[1], workspace_bytes=1.0))
    assert simulate(replace(case, chunks=holding), actions).violations == (
        "chunk 1 holds memory on stream 1",
    )


def test_fused_gradients_leave_after_the_weight_gradient() -> None:
    case = replace(TWO, fused=True)
    rows = [row("0F0 0F1 0B0 0W0 0B1 0W1"), row("1F0 1B0 1W0 1F1 1B1 1W1")]
    split, _ = timed(TWO, rows)
    fused, _ = timed(case, rows)
    assert simulate(case, fused).violations == ()
    assert simulate(case, split).violations == (
        "B of micro-batch 0 in chunk 0 starts before W of micro-batch 0 in chunk 1 has ended and "
        "arrived",
        "B of micro-batch 1 in chunk 0 starts before W of micro-batch 1 in chunk 1 has ended and "
        "arrived",
    )
    apart, _ = timed(TWO, ROWS)
    words = simulate(case, apart).violations
    assert "W of micro-batch 0 in chunk 1 does not follow its B at once" in words


@pytest.mark.parametrize("device", [0, 1])
def test_memory_counts_at_every_operator(device: int) -> None:
    """A capacity of one byte less than the peak is exceeded, in the operator where the peak is."""
    peak = (8.5, 7.0)[device]
    capacities = tuple(peak - 1 if at == device else 99.0 for at in range(2))
    actions, _ = timed(TWO, ROWS)
    words = simulate(replace(TWO, capacities=capacities), actions).violations
    first = {0: "B", 1: "W"}[device]
    most = ["F of micro-batch 1", f"{first} of micro-batch 0"]
    assert [words_of for words_of in words if f"device {device} holds {peak}" in words_of] == [
        f"device {device} holds {peak!r} bytes of {peak - 1!r} in {name} in chunk {device}"
        for name in most
    ]


def test_operators_of_no_length_cannot_hide_memory() -> None:
    """At one moment B is listed before F: freeing comes first, and less would be held at once."""
    case = Case((Chunk(0, 0, 0, 0, 4.0, 4.0),), (), 1, (1.0,), (0.0,))
    backwards = [Action(0, 0, phase, 0.0, 0.0) for phase in ("B", "F", "W")]  # type: ignore[arg-type]
    assert any(
        "wait for each other for ever" in words for words in simulate(case, backwards).violations
    )


def test_crossing_messages_are_named() -> None:
    rows = [row("0F0 0F1 0B0 0B1 0W0 0W1"), row("1F1 1F0 1B0 1B1 1W0 1W1")]
    case = replace(TWO, capacities=(99.0, 99.0))
    actions, _ = timed(case, rows)
    assert simulate(case, actions).violations == (
        "F of micro-batch 0 on edge 0 is sent before that of 1 and needed after it",
    )


def test_nothing_is_sent_within_a_device() -> None:
    """Two chunks on one device may take their micro-batches in different orders."""
    chunks = (replace(TWO.chunks[0], device=1), TWO.chunks[1])
    case = replace(TWO, chunks=chunks, edges=(Edge(0, 1),), capacities=(0.0, 99.0))
    actions, _ = timed(case, [[], row("0F0 0F1 1F1 1F0 1B0 1B1 0B1 0B0 0W0 0W1 1W0 1W1")])
    found = simulate(case, actions)
    assert found.violations == ()
    assert found.outcome is not None
    assert found.outcome.in_flight == 0
    assert found.outcome.busy == (0.0, 16.0)


def test_times_that_are_no_numbers_are_found() -> None:
    actions, _ = timed(TWO, ROWS)
    actions[0] = replace(actions[0], start=math.nan)
    found = simulate(TWO, actions)
    assert found.violations == ("F of micro-batch 0 in chunk 0 has no finite times",)
    assert found.outcome is None


@settings(max_examples=60, deadline=None, derandomize=True)
@given(cases(), st.integers(0, 999))
def test_random_schedules_pass(case: Case, seed: int) -> None:
    actions, transfers = timed(case, random_rows(case, seed))
    found = simulate(case, actions[::-1], transfers[::-1])
    assert found.violations == ()
    assert found.outcome is not None
    assert found.outcome.span <= found.outcome.makespan
    exact = replace(case, capacities=found.outcome.peak_bytes)
    assert simulate(exact, actions, transfers).violations == ()
    for device, peak in enumerate(found.outcome.peak_bytes):
        less = tuple(0.9 * x if at == device else x for at, x in enumerate(exact.capacities))
        words = simulate(replace(case, capacities=less), actions, transfers).violations
        assert any(f"device {device} holds" in each for each in words) == (peak > 0)


MUTATIONS = ("gone", "twice", "phase", "number", "longer", "before", "earlier", "moved")


@settings(max_examples=250, deadline=None, derandomize=True)
@given(cases(), st.integers(0, 999), st.sampled_from(MUTATIONS), st.data())
def test_every_mutation_is_found(case: Case, seed: int, change: str, data: st.DataObject) -> None:
    """One thing is changed in a schedule in which everything is as early as its order allows, so
    nothing can start earlier."""
    actions, transfers = timed(case, random_rows(case, seed))
    mine: list[Action | Transfer] = [*actions, *transfers]
    at = data.draw(st.integers(0, len(mine) - 1))
    old = mine[at]
    expected = {
        "gone": "happens 0 times",
        "twice": "happens 2 times",
        "phase": "there is no",
        "number": "there is no",
        "longer": " s, not ",
        "before": "starts before 0",
        "earlier": "starts",
        "moved": "starts",
    }[change]
    if change == "gone":
        del mine[at]
    elif change == "twice":
        mine.append(old)
    elif change == "phase":
        mine[at] = replace(old, phase="X")
    elif change == "number":
        mine[at] = replace(old, microbatch=case.microbatches)
    elif change == "longer":
        mine[at] = replace(old, end=old.end + 0.5)
    elif change == "before":
        mine[at] = replace(old, start=-1.0, end=old.end - old.start - 1.0)
    elif change == "earlier":
        mine[at] = replace(old, start=old.start - 0.5, end=old.end - 0.5)
    else:  # into the middle of another operator of the same stream
        assume(isinstance(old, Action))
        assert isinstance(old, Action)
        place = case.chunks[old.chunk].device, case.chunks[old.chunk].stream
        others = [
            a
            for a in actions
            if a != old and (case.chunks[a.chunk].device, case.chunks[a.chunk].stream) == place
        ]
        assume(others)
        other = data.draw(st.sampled_from(others))
        start = (other.start + other.end) / 2
        mine[at] = replace(old, start=start, end=start + old.end - old.start)
    found = simulate(
        case,
        [x for x in mine if isinstance(x, Action)],
        [x for x in mine if isinstance(x, Transfer)],
    )
    assert any(expected in words for words in found.violations)
