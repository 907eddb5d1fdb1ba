"""What a drawing reads off a plan: every figure of it is the document's own."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from solver.drawing import words
from solver.drawing.picture import read
from solver.drawing.units import Unit, memory_unit, percent, seconds, ticks, time_unit
from tests.drawing.documents import GIB, action, document, forwards_of_a_v, gpipe
from tests.verify.plans import NAMES, plan


@pytest.mark.parametrize("name", NAMES)
def test_the_memory_curve_reaches_the_peak_of_the_document(name: str) -> None:
    found = plan(name)[1]
    for row, entry in zip(read(found).rows, found["memory"], strict=True):
        highest = max(size for _, size in row.held)
        assert highest == pytest.approx(entry["terms"]["activations"])
        assert row.constant + highest == pytest.approx(entry["peak_bytes"])
        assert row.held[-1][1] == pytest.approx(0.0, abs=1e-6)


@pytest.mark.parametrize("name", NAMES)
def test_the_makespan_bubble_is_that_of_the_document(name: str) -> None:
    found = plan(name)[1]
    share = read(found).makespan_bubble / found["step_time_s"]
    assert share == pytest.approx(found["pipeline"]["bubble"], abs=1e-9)


def test_both_bubbles_of_a_small_pipeline() -> None:
    """Two stages, two micro-batches, F B W of 1, 2 and 1 s: 12 s, of which each works 8."""
    picture = read(gpipe(2, 2, tail=0.5))
    assert (picture.step_time, picture.makespan_bubble) == (12.5, 4.0)
    assert [row.idle_between for row in picture.rows] == [4.0, 0.0]
    assert picture.span_bubble == 2.0
    makespan, span = words.bubble(picture)
    assert makespan.startswith("Makespan bubble 32.0 % (4 s): ")
    assert span.startswith("Span bubble 16.0 % (2 s): ")


def test_activations_step_at_the_start_of_f_and_the_ends_of_b_and_w() -> None:
    (row,) = read(gpipe(1, 1, second=0.5)).rows
    assert row.held == ((0.0, 0.0), (0.0, 3 * GIB), (1.5, 2 * GIB), (2.0, 0.0))


def test_a_fused_backward_frees_everything_at_once() -> None:
    schedule = [action(0, 0, "F", 0.0, 1.0), action(0, 0, "B", 1.0, 4.0)]
    found = document(schedule, 1, 1, 4.0, [0.0])
    found["pipeline"]["stages"][0]["released_by_input_grad_bytes"] = 3 * GIB
    found["pipeline"]["fused"] = [True]
    assert read(found).rows[0].held == ((0.0, 0.0), (0.0, 3 * GIB), (4.0, 0.0))


def test_every_chunk_of_a_device_has_its_own_activations() -> None:
    """A V of two devices that holds 3 GiB of the first chunk and 2 of the second."""
    picture = read(forwards_of_a_v())
    assert picture.chunks == 2
    assert [[box.chunk for box in row.boxes] for row in picture.rows] == [[0, 1], [0, 1]]
    assert picture.rows[0].held[1:] == ((0.0, 3 * GIB), (3.0, 5 * GIB))
    assert picture.rows[1].held[1:] == ((1.0, 3 * GIB), (2.0, 5 * GIB))


def test_rounding_is_not_idle_time() -> None:
    schedule = [action(0, m, "F", 0.1 * m, 0.1 * (m + 1)) for m in range(7)]
    picture = read(document(schedule, 1, 7, 0.7000000000000001, [0.0]))
    assert (picture.makespan_bubble, picture.span_bubble) == (0.0, 0.0)


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.0, "0 s"), (5.1374, "5.137 s"), (0.1237, "123.7 ms"), (2e-6, "2 us"), (3e-12, "0.003 ns")],
)
def test_durations_in_words(value: float, text: str) -> None:
    assert seconds(value) == text


def test_other_figures_in_words() -> None:
    assert memory_unit(76 * GIB).say(75.621 * GIB) == "75.62 GiB"
    assert memory_unit(0.0).say(0.0) == "0 B"
    assert Unit("s", 1.0).say(12345.6) == "12346 s"
    assert (percent(0.0), percent(0.0236), percent(0.4821)) == ("0 %", "2.4 %", "48.2 %")


@given(st.floats(1e-9, 1e5), st.integers(1, 40))
def test_ticks_are_few_even_and_not_too_few(longest: float, most: int) -> None:
    unit = time_unit(longest)
    found = ticks(longest, unit, most)
    assert found[0] == 0.0
    assert found[-1] <= longest * (1 + 1e-8)
    assert len(found) <= most + 1
    assert len(found) >= most / 2.5 - 1
    apart = {round((b - a) / longest, 9) for a, b in itertools.pairwise(found)}
    assert not apart or max(apart) - min(apart) < 1e-6


def test_ticks_of_nothing() -> None:
    assert ticks(0.0, time_unit(0.0), 10) == (0.0,)
