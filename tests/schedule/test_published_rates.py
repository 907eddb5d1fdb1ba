"""The zero-bubble paper's table: fixed schedules to 1e-4, searched ones at most as idle."""

from __future__ import annotations

import pytest

from solver.schedule import estimate, lower_bound, solve
from tests.schedule.published import ROUNDED, Published, published

EXACT = 1e-4
each_row = pytest.mark.parametrize(
    "row", tuple(published()), ids=lambda row: f"{row.model}-{row.microbatches}"
)


def test_all_rows_are_there() -> None:
    assert [(row.model, row.microbatches) for row in published()] == [
        (model, count) for model in ("1.5B", "6.2B") for count in (24, 32, 64)
    ]


@each_row
@pytest.mark.parametrize(
    ("name", "family"), [("1F1B", "one_f_one_b"), ("ZB_H1", "zb_h1"), ("ZB_H2", "zb_h2")]
)
def test_fixed_schedules_have_their_published_rate(row: Published, name: str, family: str) -> None:
    memory = 2 * row.stages - 1 if name == "ZB_H2" else row.stages
    problem = row.problem(memory, family, early_release=False)
    assert row.rate(estimate(problem)) == pytest.approx(row.rates[name], abs=EXACT)


@each_row
def test_zb_1p_is_reached_and_cannot_be_beaten_while_activations_wait_for_w(row: Published) -> None:
    result = solve(row.problem(row.stages, early_release=False), 5.0)
    assert result.schedule is not None
    assert result.schedule.proved
    assert row.rate(result.schedule.span) == pytest.approx(row.rates["ZB_1p"], abs=ROUNDED)


@each_row
def test_no_bound_exceeds_a_published_schedule(row: Published) -> None:
    """ZB-1p and ZB-2p are schedules of these problems, so that a bound above them is wrong."""
    for name, memory in (("ZB_1p", row.stages), ("ZB_2p", 2 * row.stages)):
        assert row.rate(lower_bound(row.problem(memory))) <= row.rates[name] + ROUNDED
