"""Ways out of a conflict as changes of the text."""

from __future__ import annotations

import json
from typing import Any

import pytest
from lsprotocol.types import Position
from pygls.workspace import PositionCodec

from dsl.editor.analysis import Analysis, analyse
from solver.cli.exit_codes import ExitCode
from solver.lsp.answers import text_edits
from solver.lsp.planning import planned, way_out

SOURCE = """\
language 1
import hardware.abstract (worker)

model chain(batch: int) {
  batch index b = batch
  input samples[b]
  op first(samples) -> x { forward 1 us  backward 1 us }
}

mesh ring = worker[rank: 1]
model net = chain(batch: 2)

train {
  microbatches 2
  pipeline 1 stage one_f_one_b
}
limit memory <= 24 GiB per device

pin net.first
  : whole b
pin net.first : recompute  pin net.first : no recompute
"""
LINES = SOURCE.split("\n")


@pytest.fixture(scope="module")
def analysis() -> Analysis:
    return analyse("/spec.mmp", SOURCE, {"/spec.mmp": SOURCE.encode()})


def row(line: int, **more: Any) -> dict[str, Any]:
    return {"text": "pin", "file": "/spec.mmp", "line": line, "change": f"drop line {line}", **more}


@pytest.mark.parametrize(
    ("given", "gone", "put"),
    [
        (row(17, change="memory >= 32.1 GiB", bytes=32.1 * 2**30), "24 GiB", "32.1 GiB"),
        (row(17), "limit memory <= 24 GiB per device\n", ""),
        (row(19), "pin net.first\n  : whole b\n", ""),
        (row(15, text="one_f_one_b", change="drop the schedule of line 15"), " one_f_one_b", ""),
    ],
)
def test_the_text_is_changed(
    analysis: Analysis, given: dict[str, Any], gone: str, put: str
) -> None:
    fix = way_out(given, analysis)
    assert fix is not None
    (edit,) = text_edits(fix.edits, SOURCE, PositionCodec())
    start, end = (_offset(place) for place in (edit.range.start, edit.range.end))
    assert SOURCE[start:end] == gone
    assert edit.new_text == put


def _offset(place: Position) -> int:
    return sum(len(line) + 1 for line in LINES[: place.line]) + place.character


@pytest.mark.parametrize(
    "given",
    [
        row(19, file="/other.mmp"),  # not this file
        row(21),  # two statements on that line
        row(19, change="leave out `pin`"),  # not said how
        row(10),  # not to be dropped
    ],
)
def test_other_ways_are_left_to_the_report(analysis: Analysis, given: dict[str, Any]) -> None:
    assert way_out(given, analysis) is None


def test_a_conflict_is_shown_where_it_is(analysis: Analysis) -> None:
    rows = [row(3, file="/library.mmp", via=[{"file": "/spec.mmp", "line": 10}]), row(17)]
    document = json.dumps({"conflict": rows, "relaxations": [row(17)]})
    found = planned(analysis, ExitCode.INFEASIBLE, document, "")
    assert found.conflict is not None
    assert found.conflict.span.line == 17
    assert [label.span.line for label in found.conflict.labels] == [3, 10]
    assert len(found.ways) == 1
    assert not found.is_good


def test_other_ends_are_told(analysis: Analysis) -> None:
    assert "time limit" in planned(analysis, ExitCode.LIMIT, "", "").message
    assert planned(analysis, ExitCode.REJECTED, "", "error\n").message == "error"
    assert "70" in planned(analysis, ExitCode.INTERNAL, "", "").message
