"""Formatting keeps meaning and every comment, whatever the layout of the text."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from syntax_dump import CASES, dump, read_text

import dsl
from dsl.format import format_text
from dsl.format.fill import WIDTH
from dsl.text.parser import Reading, read

LIBRARY = sorted((Path(dsl.__file__).resolve().parent.parent / "stdlib").rglob("*.mmp"))
GAPS = (" ", "   ", "\n", "\n\n\n", "\t", " /* c */ ", " // c\n", "\n// c\n", "\n\n/* c\n c */\n")


def _meaning(reading: Reading) -> str:
    assert reading.diagnostics == ()
    return dump(reading.file, spans=False)


def _comments(reading: Reading) -> list[str]:
    return [comment.text for comment in reading.comments]


def _check(source: str) -> None:
    """Meaning and comments are kept, in order, and the style is a fixed point."""
    before = read(source, "a.mmp")
    formatted = format_text(source, "a.mmp")
    after = read(formatted, "a.mmp")
    assert _meaning(after) == _meaning(before)
    assert _comments(after) == _comments(before)
    assert format_text(formatted, "a.mmp") == formatted


def _relaid(source: str, gaps: list[str]) -> str:
    """The tokens of `source`, without its comments, with other gaps between them.

    A unit stays on the line of its number, and tokens that touch still touch where a gap would
    change a glob or make a number of them.
    """
    pieces: list[str] = []
    tokens = read(source, "a.mmp").tokens
    for number, token in enumerate(tokens):
        if number:
            gap = gaps[number % len(gaps)]
            before = tokens[number - 1]
            if token.type == "UNIT":
                gap = "" if token.text == "%" else " "
            elif "GLOB" in token.type or "GLOB" in before.type or token.type == "DOT":
                gap = ""
            elif (before.type == "NUMBER" and token.type == "PERCENT") or before.type == "PERCENT":
                gap = " "
            pieces.append(gap)
        pieces.append(token.text)
    return "".join(pieces)


@pytest.mark.parametrize("path", LIBRARY, ids=lambda p: p.stem)
def test_library(path: Path) -> None:
    _check(path.read_text(encoding="utf-8"))


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(CASES), st.lists(st.sampled_from(GAPS), min_size=1, max_size=40))
def test_any_layout(path: Path, gaps: list[str]) -> None:
    _check(_relaid(read_text(path), gaps))


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(CASES), st.data())
def test_any_inserted_comment(path: Path, data: st.DataObject) -> None:
    source = read_text(path)
    tokens = read(source, "a.mmp").tokens
    if not tokens:
        return
    lines = source.split("\n")
    line = data.draw(st.integers(0, len(lines)))
    comment = data.draw(st.sampled_from(["// c", "/// c", "/* c */", "/* c\n\n  c */", "////"]))
    changed = "\n".join([*lines[:line], comment, *lines[line:]])
    if read(changed, "a.mmp").diagnostics == ():
        _check(changed)


def test_layouts_of_one_meaning_agree() -> None:
    """Without comments and blank lines, the style depends on the tokens alone."""
    source = read_text(next(p for p in CASES if p.stem == "model"))
    assert len({format_text(_relaid(source, [gap]), "a.mmp") for gap in (" ", "\n", "\t ")}) == 1


def test_width() -> None:
    source = read_text(next(p for p in CASES if p.stem == "model"))
    assert max(map(len, format_text(source, "a.mmp").split("\n"))) <= WIDTH


@pytest.mark.parametrize(
    ("source", "formatted"),
    [
        ("let a=-(1)", "let a = -(1)\n"),
        ("let a = 7 % 2", "let a = 7 % 2\n"),
        ("let a = 7 %", "let a = 7%\n"),
        ("let a = 7\n% 2", "let a = 7 % 2\n"),
        ("let a = x.0 .5", "let a = x.0 .5\n"),
        ("train { pipeline 4\ns }", "train {\n  pipeline 4\n      s\n}\n"),
        ("train { pipeline 4\nVee }", "train {\n  pipeline 4\n      Vee\n}\n"),
        ("train // c\n{ overlap 0 }", "train  // c\n    {\n  overlap 0\n}\n"),
        ("train /* c */ { overlap 0 }", "train /* c */ {\n  overlap 0\n}\n"),
        ("train { overlap 0 } // c", "train { overlap 0 }  // c\n"),
        ("train {}", "train {}\n"),
        ("train {\n\n}", "train {}\n"),
        ("", ""),
        ("\n\n", ""),
        ("// c", "// c\n"),
    ],
)
def test_spacing(source: str, formatted: str) -> None:
    assert format_text(source, "a.mmp") == formatted
    _check(source)
