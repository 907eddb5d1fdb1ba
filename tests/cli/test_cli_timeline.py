"""The text timeline of the report: a row per stage that fits the page, and the span bubble."""

from __future__ import annotations

import io
from typing import Any

import pytest
from rich.console import Console

from solver.cli.report.timeline import timeline
from solver.cli.report.view import View
from tests.cli.small_spec import small_spec
from tests.drawing.documents import action, document, forwards_of_a_v, gpipe

LEGEND = "F forward, B backward, W weight gradient, = once per step, . idle"


def _lines(found: dict[str, Any], width: int) -> list[str]:
    for at, stage in enumerate(found["pipeline"]["stages"]):
        stage["stage"] = at
    console = Console(file=io.StringIO(), width=width, highlight=False)
    for part in timeline(View(found, small_spec(), width)):
        console.print(part)
    assert isinstance(console.file, io.StringIO)
    return [line.rstrip() for line in console.file.getvalue().splitlines()]


def test_a_row_per_stage_and_the_span_bubble() -> None:
    """Two stages and micro-batches: 12 s of which each works 8, and a tail of 2 s."""
    assert _lines(gpipe(2, 2, tail=2.0), 36)[:2] == [
        "  0 |FFFF........BBBBWWBBBBWW====|",
        "  1 |..FFFFBBBBWWBBBBWW====......|",
    ]
    assert _lines(gpipe(2, 2, tail=2.0), 100)[2:] == [
        f"  {LEGEND}",
        "  span bubble 14.3 % (2.000 s): idle between first and last operator, mean of all stages",
    ]


def test_second_chunks_are_lower_case() -> None:
    first, second, *words = _lines(forwards_of_a_v(), 100)
    assert set(first) & set("Ff") == set(second) & set("Ff") == {"F", "f"}
    assert words[0] == f"  {LEGEND}, lower case every second chunk"


def test_rounding_is_not_idle_time() -> None:
    schedule = [action(0, m, "F", 0.1 * m, 0.1 * (m + 1)) for m in range(7)]
    assert "  span bubble 0 %: idle between" in "\n".join(
        _lines(document(schedule, 1, 7, 0.7, [0.0]), 100)
    )


@pytest.mark.parametrize("width", [60, 80, 300])
def test_wide_pipelines_fit_the_page(width: int) -> None:
    lines = _lines(gpipe(128, 8), width)
    rows = [line for line in lines if line.endswith("|")]
    assert [int(line.split()[0]) for line in rows] == list(range(128))
    assert len(set(map(len, rows))) == 1
    assert max(map(len, lines)) <= width
    words = " ".join(" ".join(lines[128:]).split())
    assert words.startswith(LEGEND)
    assert words.endswith("mean of all stages")
