"""Diagnostics as text for people, and as plain data for programs.

error[MMP012]: unknown unit `sec`
  --> plan.mmp:3:28
   |
 3 | pin net.embed : whole d weight 2 sec
   |                                  ^^^
  help: did you mean `s`?
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from dsl.diagnostic import Diagnostic
from dsl.span import Span

TextOf = Callable[[str], str | None]
"""The text of a file by its path in `Span.file`; None when it is not at hand."""

_WIDTH = 100  # of the excerpt, without its margin
_TAB = "    "
_STYLES = {"error": "1;31", "warning": "1;33", "help": "1;36", "margin": "1;34"}


def render(diagnostic: Diagnostic, text_of: TextOf, color: bool = False) -> str:
    """Message, excerpt, the excerpts of the labels, help; without a final newline."""
    return "\n".join(_lines(diagnostic, text_of, _painter(color)))


def render_all(diagnostics: Iterable[Diagnostic], text_of: TextOf, color: bool = False) -> str:
    """All diagnostics, an empty line between two."""
    return "\n\n".join(render(d, text_of, color) for d in diagnostics)


def to_json(diagnostic: Diagnostic) -> dict[str, Any]:
    """The same content as JSON-ready data; a span is a dict of the fields of `Span`."""
    return {
        "code": diagnostic.code,
        "severity": diagnostic.severity,
        "message": diagnostic.message,
        "span": _span_json(diagnostic.span),
        "labels": [{"span": _span_json(x.span), "text": x.text} for x in diagnostic.labels],
        "help": diagnostic.help,
    }


def _span_json(span: Span) -> dict[str, Any]:
    return {
        "file": span.file,
        "line": span.line,
        "column": span.column,
        "end_line": span.end_line,
        "end_column": span.end_column,
    }


Paint = Callable[[str, str], str]


def _painter(color: bool) -> Paint:
    if not color:
        return lambda text, _style: text
    return lambda text, style: f"\x1b[{_STYLES[style]}m{text}\x1b[0m"


def _lines(diagnostic: Diagnostic, text_of: TextOf, paint: Paint) -> Iterator[str]:
    severity = diagnostic.severity
    head = paint(f"{severity}[{diagnostic.code}]", severity)
    yield f"{head}: {_printable(diagnostic.message)}"
    spans = (diagnostic.span, *(label.span for label in diagnostic.labels))
    margin = len(str(max(span.end_line for span in spans)))
    yield " " * margin + paint(" --> ", "margin") + str(diagnostic.span)
    yield from _excerpt(diagnostic.span, "^", "", margin, text_of, paint, severity)
    for label in diagnostic.labels:
        yield " " * margin + paint(" ::: ", "margin") + str(label.span)
        yield from _excerpt(label.span, "-", label.text, margin, text_of, paint, "margin")
    if diagnostic.help:
        yield f"{' ' * margin} {paint('help', 'help')}: {_printable(diagnostic.help)}"


def _excerpt(
    span: Span, mark: str, text: str, margin: int, text_of: TextOf, paint: Paint, style: str
) -> Iterator[str]:
    """The first line of the span and, when it has several, the last one, underlined."""
    source = text_of(span.file)
    lines = source.split("\n") if source is not None else []
    if not 1 <= span.line <= span.end_line <= len(lines):
        if text:
            yield f"{' ' * margin} {paint('note', style)}: {_printable(text)}"
        return
    bar = paint("|", "margin")
    yield f"{' ' * margin} {bar}"
    for number, start, end in _pieces(span, lines):
        shown, before, width = _window(lines[number - 1].rstrip("\r"), start, end)
        note = f" {_printable(text)}" if number == span.end_line and text else ""
        if number == span.end_line > span.line + 1:
            yield paint("...", "margin")
        yield f"{paint(str(number).rjust(margin), 'margin')} {bar} {shown}".rstrip()
        under = paint(mark * width + note, style)
        yield f"{' ' * margin} {bar} {' ' * before}{under}"


def _pieces(span: Span, lines: list[str]) -> Iterator[tuple[int, int, int]]:
    """(line number, first character, character after the last), counted from 0."""
    if span.line == span.end_line:
        yield span.line, span.column - 1, span.end_column - 1
        return
    yield span.line, span.column - 1, len(lines[span.line - 1].rstrip())
    last = lines[span.end_line - 1]
    yield span.end_line, len(last) - len(last.lstrip()), span.end_column - 1


def _window(line: str, start: int, end: int) -> tuple[str, int, int]:
    """The line, cut around the span when it is long; the cells before the span, and its own."""
    start = min(start, len(line))
    end = max(min(end, len(line)), start)
    first, last = 0, len(line)
    if _cells(line) > _WIDTH:
        first = max(0, min(start - _WIDTH // 4, len(line) - _WIDTH))
        last = min(len(line), first + _WIDTH)
    end = min(end, last)
    shown = _printable(line[first:last])
    before = _cells(line[first:start])
    if first > 0:
        shown, before = "…" + shown, before + 1
    if last < len(line):
        shown += "…"
    return shown, before, max(1, _cells(line[start:end]))


def _printable(text: str) -> str:
    """Tabs as blanks, and a replacement character for what would disturb a terminal."""
    if text.isprintable():
        return text
    return "".join(
        _TAB if c == "\t" else c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text
    )


def _cells(text: str) -> int:
    """How many terminal cells the printable form of `text` takes."""
    if text.isascii() and text.isprintable():
        return len(text)
    return sum(_cells_of(c) for c in _printable(text))


def _cells_of(character: str) -> int:
    if unicodedata.combining(character):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1
