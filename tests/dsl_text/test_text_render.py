"""Diagnostics as text and as data."""

from __future__ import annotations

import json

from dsl.diagnostic import Diagnostic, Label
from dsl.render import render, render_all, to_json
from dsl.span import Span
from dsl.suggest import did_you_mean

HERE = Span("a.mmp", 1, 5, 1, 8)
FOUND = Diagnostic("MMP101", "error", "no `abc` here", HERE)


def _render(text: str | None, span: Span = HERE, *labels: Label) -> list[str]:
    found = Diagnostic("MMP101", "error", "no `abc` here", span, labels)
    return render(found, lambda _: text).split("\n")


def test_plain() -> None:
    assert _render("let abc = 1") == [
        "error[MMP101]: no `abc` here",
        "  --> a.mmp:1:5",
        "  |",
        "1 | let abc = 1",
        "  |     ^^^",
    ]


def test_text_not_at_hand() -> None:
    label = Label(Span("b.mmp", 3, 1, 3, 2), "defined here")
    assert _render(None, HERE, label) == [
        "error[MMP101]: no `abc` here",
        "  --> a.mmp:1:5",
        "  ::: b.mmp:3:1",
        "  note: defined here",
    ]


def test_place_past_the_end_of_a_changed_file() -> None:
    assert len(_render("", Span("a.mmp", 7, 1, 7, 2))) == 2


def test_other_files() -> None:
    texts = {"a.mmp": "let abc = 1", "lib.mmp": "\n\n\n\n\n\n\n\n\nparam x: int"}
    label = Label(Span("lib.mmp", 10, 7, 10, 8), "defined here")
    found = Diagnostic("MMP101", "warning", "no `abc` here", HERE, (label,), "drop it")
    assert render(found, texts.get).split("\n") == [
        "warning[MMP101]: no `abc` here",
        "   --> a.mmp:1:5",
        "   |",
        " 1 | let abc = 1",
        "   |     ^^^",
        "   ::: lib.mmp:10:7",
        "   |",
        "10 | param x: int",
        "   |       - defined here",
        "   help: drop it",
    ]


def test_tabs_wide_and_control_characters() -> None:
    assert _render("\tabc", Span("a.mmp", 1, 2, 1, 5))[-2:] == ["1 |     abc", "  |     ^^^"]
    assert _render("日本x", Span("a.mmp", 1, 3, 1, 4))[-1] == "  |     ^"
    assert _render("e\u0301x", Span("a.mmp", 1, 3, 1, 4))[-1] == "  |  ^"
    assert _render("\x1b[31m", Span("a.mmp", 1, 2, 1, 3))[-2:] == ["1 | \ufffd[31m", "  |  ^"]


def test_control_characters_of_a_message_are_not_printed() -> None:
    found = Diagnostic("MMP101", "error", "no `\x1b[31m`", HERE)
    assert "\x1b" not in render(found, lambda _: None)


def test_long_lines_are_cut_around_the_span() -> None:
    line = "a" * 500 + "XYZ" + "b" * 500
    shown, carets = _render(line, Span("a.mmp", 1, 501, 1, 504))[-2:]
    assert len(shown) < 120
    start = carets.index("^")
    assert shown[start : start + 3] == "XYZ"
    assert carets.count("^") == 3
    assert shown.startswith("1 | …")
    assert shown.endswith("…")


def test_span_over_a_whole_long_line() -> None:
    carets = _render("a" * 500, Span("a.mmp", 1, 1, 1, 501))[-1]
    assert carets.count("^") == 100


def test_span_at_the_end_of_a_line() -> None:
    assert _render("let", Span("a.mmp", 1, 4, 1, 4))[-1] == "  |    ^"


def test_span_over_lines() -> None:
    text = "let a = f(\n  1,\n  2\n  )"
    assert _render(text, Span("a.mmp", 1, 9, 4, 4))[2:] == [
        "  |",
        "1 | let a = f(",
        "  |         ^^",
        "...",
        "4 |   )",
        "  |   ^",
    ]
    assert "..." not in _render(text, Span("a.mmp", 1, 9, 2, 4))


def test_colour_adds_only_escapes() -> None:
    plain = render(FOUND, lambda _: "let abc = 1")
    coloured = render(FOUND, lambda _: "let abc = 1", color=True)
    assert "\x1b[1;31m" in coloured
    bare = coloured
    for code in ("0", "1;31", "1;34", "1;36"):
        bare = bare.replace(f"\x1b[{code}m", "")
    assert bare == plain
    assert "\x1b" not in plain


def test_several() -> None:
    text = render_all([FOUND, FOUND], lambda _: None)
    assert text == "\n\n".join([render(FOUND, lambda _: None)] * 2)


def test_json_round_trip() -> None:
    found = Diagnostic("MMP101", "error", "m", HERE, (Label(HERE, "here"),), "h")
    span = {"file": "a.mmp", "line": 1, "column": 5, "end_line": 1, "end_column": 8}
    assert json.loads(json.dumps(to_json(found))) == {
        "code": "MMP101",
        "severity": "error",
        "message": "m",
        "span": span,
        "labels": [{"span": span, "text": "here"}],
        "help": "h",
    }


def test_did_you_mean() -> None:
    assert did_you_mean("layer", ["heads", "layers"]) == "did you mean `layers`?"
    assert did_you_mean("gib", ["GiB", "GB/s"]) == "did you mean `GiB`?"
    assert did_you_mean("layers", ["layers"]) == ""
    assert did_you_mean("zzz", ["layers"]) == ""
    assert did_you_mean("x" * 100_000, ["layers"]) == ""
    assert did_you_mean("ab", {"abc", "abd"}) == did_you_mean("ab", ["abd", "abc"])
