"""Limits with a weight: they are exceeded exactly where that is cheaper, and paid for."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tests.solver.solving import GRAIN, plan
from tests.solver.specs import Draft

FAST = Draft("products", sizes=(4098, 1024, 2048), train="microbatches 1 pipeline 1 stage")
LEAN = replace(FAST, objective="memory")
SHARES = (0.25, 0.9, 0.99, 1.01, 1.1, 4.0)


def solved(draft: Draft, *statements: str) -> dict[str, Any]:
    return plan(replace(draft, statements=statements).spec())


def peak(document: dict[str, Any]) -> float:
    return max(float(row["peak_bytes"]) for row in document["memory"])


@pytest.mark.parametrize("share", SHARES)
def test_memory_is_paid_for_up_to_the_price_of_going_without(share: float) -> None:
    fast, least = solved(FAST), peak(solved(LEAN))
    lean = solved(FAST, f"limit memory <= {least:.0f} B")
    loss = lean["step_time_s"] - fast["step_time_s"]
    over = peak(fast) - least
    price = share * loss / over  # seconds per byte
    found = solved(
        FAST, f"limit memory <= {least:.0f} B weight {price * 2**30:.12f} s per GiB over"
    )
    (row,) = found["pins"]
    assert row["satisfied"] == (share > 1)
    assert row["over_bytes"] == pytest.approx(0.0 if share > 1 else over)
    assert found["objective"]["penalty"] == pytest.approx(row["over_bytes"] * price, rel=1e-6)
    wanted = fast["step_time_s"] + min(share, 1.0) * loss
    assert found["objective"]["value"] == pytest.approx(wanted, rel=GRAIN)
    assert found["outcome"]["plan"] == "optimal"


@pytest.mark.parametrize("share", SHARES)
def test_seconds_are_paid_for_up_to_the_price_of_going_without(share: float) -> None:
    fast, lean = solved(FAST), solved(LEAN)
    late, loss = lean["step_time_s"] - fast["step_time_s"], peak(fast) - peak(lean)
    price = share * loss / late  # bytes per second
    limit = f"limit step_time <= {fast['step_time_s'] * 1e9:.6f} ns"
    found = solved(LEAN, f"{limit} weight {price * 1e-6:.9f} B per us over")
    (row,) = found["pins"]
    assert row["satisfied"] == (share > 1)
    assert row["over_s"] == pytest.approx(0.0 if share > 1 else late, abs=1e-12)
    wanted = peak(lean) + min(share, 1.0) * loss
    assert found["objective"]["value"] == pytest.approx(wanted, rel=GRAIN)
    assert found["outcome"]["plan"] == "optimal"


def test_a_soft_limit_that_no_plan_keeps_leaves_a_plan_and_a_hard_one_still_holds() -> None:
    least = peak(solved(LEAN))
    found = solved(
        FAST,
        "limit memory <= 1 MiB weight 1 us per GiB over",
        f"limit memory <= {least:.0f} B",
    )
    assert [row["satisfied"] for row in found["pins"]] == [False, True]
    assert peak(found) <= least


def test_a_soft_limit_is_no_part_of_a_conflict() -> None:
    found = solved(
        FAST,
        "limit memory <= 1 MiB weight 3 ms per GiB over",
        "pin net.a : f over gpu",
        "forbid net.a : f over gpu",
    )
    assert found["outcome"] == {"stopped": "proved", "plan": "none"}
    assert all("limit" not in row["text"] for row in found["conflict"])
    assert len(found["conflict"]) == 2


def test_a_second_objective_pays_no_more_for_the_first() -> None:
    price = "limit step_time <= 1 ns weight 1 s per s over"
    first = solved(FAST, price)
    both = solved(replace(FAST, objective="step_time then memory"), price)
    assert both["step_time_s"] == pytest.approx(first["step_time_s"], rel=GRAIN)
    assert both["objective"]["value"] == pytest.approx(first["objective"]["value"], rel=GRAIN)
    assert peak(both) <= peak(first)
