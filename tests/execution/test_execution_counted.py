"""The tables of counted against predicted, and one of their plans made anew."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.benchmarks.counted import README, result
from tests.benchmarks.counted_cases import plans


def rows(part: str) -> Iterator[list[str]]:
    text = README.read_text(encoding="utf-8")
    table = text.partition(f"<!-- counted {part} -->\n")[2].partition("<!-- end")[0]
    for line in table.splitlines()[2:]:
        yield [cell.strip() for cell in line.strip("|").split("|")]


def test_the_table_of_plans_is_of_equal_ones() -> None:
    found = list(rows("plans"))
    assert len({tuple(row) for row in found}) >= 30
    for _, calls, _, planned, counted, _, equal in found:
        assert calls.split(", ")[0] == calls.split(", ")[1]
        assert (planned, equal) == (counted, "yes")


def test_the_table_of_traces_is_of_equal_ones() -> None:
    found = list(rows("pipelines"))
    assert len(found) >= 12
    assert {row[-1] for row in found} == {"yes"}


@pytest.mark.slow
def test_a_plan_of_llama_on_64_devices_made_anew(tmp_path: Path) -> None:
    case = next(case for case in plans() if case.name == "f 4 ways")
    (stage,) = result(case, "plans", tmp_path, 20)["stages"]
    assert stage["different"] == []
    assert stage["calls"] == stage["planned_calls"] > 0
