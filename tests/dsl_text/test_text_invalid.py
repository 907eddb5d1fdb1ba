"""Every `invalid/*.mmp` against its diagnostics, word for word."""

from __future__ import annotations

from pathlib import Path

import pytest
from syntax_dump import HERE

from dsl.codes import CODES
from dsl.diagnostic import DiagnosticError
from dsl.format import format_text
from dsl.render import render_all
from dsl.text.parser import MAX_DIAGNOSTICS, parse, parse_bytes

INVALID = sorted((HERE / "invalid").glob("*.mmp"))


@pytest.mark.parametrize("path", INVALID, ids=lambda p: p.stem)
def test_diagnostics(path: Path, golden) -> None:
    """A file shows one mistake, but those named `several_...`."""
    file, diagnostics = parse_bytes(path.read_bytes(), path.name)
    golden(path.with_suffix(".txt"), render_all(diagnostics, lambda _: file.source) + "\n")
    assert diagnostics
    if not path.stem.startswith("several_"):
        assert len(diagnostics) == 1


@pytest.mark.parametrize("path", INVALID, ids=lambda p: p.stem)
def test_formatter_refuses(path: Path) -> None:
    source = path.read_bytes().decode(errors="replace")
    with pytest.raises(DiagnosticError) as caught:
        format_text(source, path.name)
    assert caught.value.diagnostics == parse(source, path.name)[1]


def test_every_code_is_shown_by_a_case() -> None:
    shown = {
        found.code for path in INVALID for found in parse_bytes(path.read_bytes(), path.name)[1]
    }
    too_long = "MMP006"  # see test_text_robust.py; a case of four million characters is too much
    assert sorted(shown | {too_long}) == [row.code for row in CODES]


def test_what_is_right_is_kept() -> None:
    source = "let a = 1\nlet b =\nlet c = 3\nmesh m = d[x 4]\nlet e = 5\n"
    file, diagnostics = parse(source, "a.mmp")
    assert [s.name.text for s in file.statements] == ["a", "c", "e"]
    assert [d.span.line for d in diagnostics] == [2, 4]


def test_errors_are_capped() -> None:
    _, diagnostics = parse("let a 1\n" * (MAX_DIAGNOSTICS + 5), "a.mmp")
    assert len(diagnostics) == MAX_DIAGNOSTICS + 1
    assert diagnostics[-1].code == "MMP021"
    _, diagnostics = parse("let a 1\n" * MAX_DIAGNOSTICS, "a.mmp")
    assert [d.code for d in diagnostics] == ["MMP010"] * MAX_DIAGNOSTICS
