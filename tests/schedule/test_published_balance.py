"""The published pipeline balance: its makespan to the unit, and what a free order saves."""

from __future__ import annotations

import pytest

from solver.schedule import estimate, lower_bound, solve
from tests.schedule.published_balance import PUBLISHED, PUBLISHED_PLAN, balance


def test_the_published_plan_has_its_published_makespan() -> None:
    assert estimate(balance(*PUBLISHED_PLAN, "one_f_one_b")) == PUBLISHED


def test_less_recompute_does_not_fit() -> None:
    """The plan recomputes no layer too many on the first stage: memory is modelled as published."""
    layers, recomputed = PUBLISHED_PLAN
    less = (recomputed[0] - 1, *recomputed[1:])
    assert estimate(balance(layers, less, "one_f_one_b")) == float("inf")


@pytest.mark.slow
def test_a_free_order_is_shorter() -> None:
    free = balance(*PUBLISHED_PLAN, None)
    result = solve(free, 20.0)
    assert result.schedule is not None
    assert lower_bound(free) <= result.schedule.makespan < PUBLISHED
