"""Conflicts, their ways out, and the price at which a soft pin gives way."""

from __future__ import annotations

import math
import re
from pathlib import Path

import pytest

from tests.examples.planning import EXAMPLES, Document, Solved, solve

INFEASIBLE = EXAMPLES / "infeasible.mmp"
SOFT = EXAMPLES / "soft_pin.mmp"


def _line_of(path: Path, start: str) -> int:
    (found,) = (
        number
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if line.startswith(start)
    )
    return found


def _apply(way: Document, text: str) -> str:
    """A copy of the spec with one way out applied to the line that it names."""
    lines = text.splitlines()
    at = way["line"] - 1
    if bound := re.fullmatch(r"memory >= ([\d.]+ GiB)", way["change"]):
        lines[at], count = re.subn(r"<= [\d.]+ GiB", f"<= {bound[1]}", lines[at])
        assert count == 1
    else:
        assert way["change"] == f"drop line {way['line']}"
        del lines[at]
    return "\n".join(lines) + "\n"


def test_infeasible_names_the_planted_conflict_and_ways_out_that_work(tmp_path: Path) -> None:
    solved = solve(INFEASIBLE, tmp_path, 10, "--reproducible")  # work counts, not seconds
    assert solved.code == 10
    assert solved.document["outcome"] == {"stopped": "proved", "plan": "none"}
    limit = _line_of(INFEASIBLE, "limit memory")
    pin = _line_of(INFEASIBLE, "pin net.layers[*] : on stage first")
    assert [row["line"] for row in solved.document["conflict"]] == [limit, pin]
    assert {row["file"] for row in solved.document["conflict"]} == {str(INFEASIBLE)}
    ways = solved.document["relaxations"]
    assert sorted(way["line"] for way in ways) == [limit, pin]
    for way in ways:
        copy = tmp_path / "copy.mmp"
        copy.write_text(_apply(way, INFEASIBLE.read_text(encoding="utf-8")), encoding="utf-8")
        assert solve(copy, tmp_path, 6).code == 0, way["change"]


def _priced(tmp_path: Path, price: float | None) -> Solved:
    """The soft pin at a price in seconds; None: as a hard pin."""
    text = SOFT.read_text(encoding="utf-8")
    if price is not None:
        solved = solve(SOFT, tmp_path, 8, "-D", f"price={price!r} s")
    else:
        copy = tmp_path / "hard.mmp"
        assert text.count(" weight price") == 1
        copy.write_text(text.replace(" weight price", ""), encoding="utf-8")
        solved = solve(copy, tmp_path, 8)
    assert solved.code == 0
    assert solved.document["outcome"]["plan"] == "optimal"
    return solved


def _soft(solved: Solved) -> Document:
    row: Document = solved.document["pins"][0]
    return row


def test_the_soft_pin_is_broken_and_billed_at_its_price(tmp_path: Path) -> None:
    solved = solve(SOFT, tmp_path, 8)
    row = _soft(solved)
    assert (row["kind"], row["satisfied"]) == ("soft", False)
    assert (row["weight_s"], row["paid_s"]) == (pytest.approx(1e-3), pytest.approx(1e-3))
    step = solved.document["step_time_s"]
    assert solved.value == pytest.approx(step + 1e-3)


def test_the_choice_switches_at_the_price_the_plans_imply(tmp_path: Path) -> None:
    """With the pin made hard the step costs `switch` more than with it given up; a weight below
    that is paid, one above it is not. The margins are wider than the gap of a proven optimum."""
    free, hard = _priced(tmp_path, 0.0), _priced(tmp_path, None)
    switch = hard.value - free.value
    margin = 2e-4 * hard.value
    assert switch > 10 * margin
    below, above = _priced(tmp_path, switch - margin), _priced(tmp_path, switch + margin)
    assert not _soft(below)["satisfied"]
    assert below.value == pytest.approx(free.value + switch - margin, rel=2e-4)
    assert _soft(above)["satisfied"]
    assert _soft(above)["paid_s"] == 0
    assert math.isclose(above.value, hard.value, rel_tol=2e-4)
