"""Error, bias, order and regret on small cases worked by hand."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from solver.configuration.score import (
    Scored,
    fastest_quarter,
    kendall_tau,
    mean_error,
    regret,
    score,
)


def cell(*pairs: tuple[float, float]) -> list[Scored]:
    return [Scored(str(place), "cell", *pair) for place, pair in enumerate(pairs)]


def test_error_and_bias() -> None:
    found = score(cell((1.0, 1.1), (2.0, 1.6)))
    assert found.error == pytest.approx(0.15)
    assert found.bias == pytest.approx(math.sqrt(1.1 * 0.8) - 1)
    assert found.largest == pytest.approx(0.2)


def test_nothing_to_score() -> None:
    with pytest.raises(ValueError, match="no rows"):
        score([])


def test_order_of_three() -> None:
    assert kendall_tau(cell((1, 1), (2, 2), (3, 3))) == pytest.approx(1.0)
    assert kendall_tau(cell((1, 3), (2, 2), (3, 1))) == pytest.approx(-1.0)
    assert kendall_tau(cell((1, 1), (2, 3), (3, 2))) == pytest.approx(1 / 3)


def test_tied_predictions_weigh_less() -> None:
    assert kendall_tau(cell((1, 1), (2, 1), (3, 2))) == pytest.approx(2 / math.sqrt(6))
    assert kendall_tau(cell((1, 5), (2, 5), (3, 5))) == 0.0


def test_regret_breaks_ties_against_us() -> None:
    assert regret(cell((1.0, 5.0), (1.5, 4.0), (2.0, 4.0))) == pytest.approx(1.0)
    assert regret(cell((1.0, 3.0), (1.5, 4.0))) == 0.0


def test_fastest_quarter_has_at_least_one() -> None:
    assert [row.measured for row in fastest_quarter(cell((3, 3), (1, 1), (2, 2)))] == [1]
    assert len(fastest_quarter(cell(*((n, n) for n in range(1, 10))))) == 2


def test_groups_of_one_have_no_order() -> None:
    found = score([Scored("a", 1, 1.0, 1.0), Scored("b", 2, 1.0, 2.0)])
    assert (found.tau, found.regret, found.quartile) == (None, None, None)


@given(st.lists(st.tuples(st.integers(1, 9), st.integers(1, 9)), min_size=3, max_size=8))
def test_measures_stay_in_their_ranges(pairs: list[tuple[int, int]]) -> None:
    rows = cell(*((float(a), float(b)) for a, b in pairs))
    assert -1 - 1e-9 <= kendall_tau(rows) <= 1 + 1e-9
    assert regret(rows) >= 0.0
    assert mean_error(rows) >= 0.0
