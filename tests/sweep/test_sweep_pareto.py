"""The Pareto front against its definition."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from solver.sweep.pareto import Costs, dominates, front

SMALL = st.integers(0, 3).map(float)  # few values, so that ties are common
COSTS = st.lists(st.none() | st.tuples(SMALL, SMALL, SMALL), max_size=12)


def _beaten(cost: Costs, other: Costs) -> bool:
    return sum(other) < sum(cost) and not any(b > a for a, b in zip(cost, other, strict=True))


@given(COSTS)
def test_the_front_is_what_nothing_beats(costs: list[Costs | None]) -> None:
    known = [cost for cost in costs if cost is not None]
    assert front(costs) == tuple(
        cost is not None and not any(_beaten(cost, other) for other in known) for cost in costs
    )


@given(COSTS)
def test_every_other_point_is_beaten_by_one_on_the_front(costs: list[Costs | None]) -> None:
    best = [cost for cost, is_on in zip(costs, front(costs), strict=True) if is_on and cost]
    for cost, is_on in zip(costs, front(costs), strict=True):
        assert cost is None or is_on or any(dominates(other, cost) for other in best)
    assert bool(best) == any(cost is not None for cost in costs)


def test_equal_points_are_on_the_front_together() -> None:
    assert front([(1.0, 2.0), None, (1.0, 2.0), (2.0, 2.0), (2.0, 1.0)]) == (
        (True, False, True, False, True)
    )
