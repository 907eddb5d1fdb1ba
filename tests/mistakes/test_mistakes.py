"""Kinds of mistake that people make: each gives one error, at its place, with a help.

The first line of a case names line, column and code, or the code alone where the error is in an
imported file; the golden text beside it is all that is printed. Cases under `unsolvable` are right
as text: there the error comes from the search, and the help are the ways out.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from _pytest.mark import ParameterSet

from dsl.load import load
from dsl.render import render_all
from solver.cli.diagnostics import text_of
from solver.cli.report.conflict import conflict
from solver.cli.report.page import draw
from solver.events import Options
from solver.search.solve import solve
from tests.explain.reading import read

HERE = Path(__file__).parent
CASES = sorted(HERE.glob("*.mmp"))
UNSOLVABLE = sorted(path for path in (HERE / "unsolvable").glob("*.mmp") if path.stem != "lab")
QUICK = "contradictory_pins"
Golden = Callable[[Path, str], None]
_HEAD = re.compile(r"// (?:at (\d+):(\d+) )?(MMP\d{3})")
_PLACE = re.compile(r"(\w+\.mmp):(\d+):(\d+)")


def _some_slow(paths: list[Path]) -> list[ParameterSet]:
    """All but one, which stands for them in the quick tests."""
    slow = pytest.mark.slow
    return [
        pytest.param(path, marks=() if path.stem == QUICK else slow, id=path.stem) for path in paths
    ]


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_one_error_with_a_help(path: Path, golden: Golden, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(HERE)
    loaded = read(path.name)
    text = render_all(loaded.diagnostics, loaded.sources.get) + "\n"
    head = _HEAD.match(loaded.sources[path.name])
    assert head is not None
    assert [(found.severity, found.code) for found in loaded.diagnostics] == [("error", head[3])]
    (found,) = loaded.diagnostics
    assert found.help
    if head[1] is None:
        assert found.span.file != path.name or found.span.line == 1
    else:
        assert (found.span.line, found.span.column) == (int(head[1]), int(head[2]))
    golden(path.with_suffix(".txt"), text)


def test_there_are_forty_kinds() -> None:
    assert len(CASES) + len(UNSOLVABLE) >= 40


@pytest.mark.parametrize("path", _some_slow(UNSOLVABLE))
def test_one_conflict_with_ways_out(
    path: Path, golden: Golden, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(path.parent)
    spec = load(path.name)
    document = solve(spec, Options(reproducible=True), lambda _: None, threading.Event())
    assert document["outcome"] == {"stopped": "proved", "plan": "none"}
    expected = _PLACE.findall(path.read_text(encoding="utf-8").splitlines()[0])
    found = [(row["file"], str(row["line"])) for row in document["conflict"]]
    assert found == [(file, line) for file, line, _ in expected]
    assert document["relaxations"]
    text = draw(lambda _width: iter([list(conflict(document, spec, text_of))]))
    for file, line, column in expected:
        assert f" {file}:{line}:{column}\n" in text
    golden(path.with_suffix(".txt"), text)
