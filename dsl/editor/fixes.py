"""Changes that would mend a finding, read off its help: "did you mean `layers`?"."""

from __future__ import annotations

import re
from dataclasses import dataclass

from dsl.diagnostic import Diagnostic
from dsl.editor.rename import Edit
from dsl.span import Span
from dsl.suggest import nearest

_MEANT = re.compile(r"did you mean `([^`]+)`(?: or `([^`]+)`)?\?")
_DOTTED = re.compile(r"[A-Za-z_][\w.]*[^\s\w]*|[^\s\w]+")
_WORD = re.compile(r"\w+|[^\s\w]+")


@dataclass(frozen=True, slots=True)
class Fix:
    """A change of one file, and what it does in words."""

    title: str
    edits: tuple[Edit, ...]


def fixes(diagnostic: Diagnostic, source: str) -> tuple[Fix, ...]:
    """The fixes of a finding in a text; none where its help offers nothing to write."""
    found = _MEANT.search(diagnostic.help)
    if found is None:
        return ()
    span = diagnostic.span
    meant = [word for word in found.groups() if word is not None]
    places = [(word, _place(span, source, word)) for word in meant]
    return tuple(
        Fix(f"Write `{word}`", (Edit(place, word),)) for word, place in places if place is not None
    )


def _place(span: Span, source: str, meant: str) -> Span | None:
    """What is to be replaced: the span itself, or the word in it that is most like what was meant;
    None where there is no such word."""
    lines = source.split("\n")
    if span.line != span.end_line or not 1 <= span.line <= len(lines):
        return None
    text = lines[span.line - 1][span.column - 1 : span.end_column - 1]
    pattern = _DOTTED if "." in meant or "/" in meant else _WORD
    words = {found.group(): found for found in reversed(list(pattern.finditer(text)))}
    if text in words or not words:
        return span
    best = nearest(meant, words)
    if not best:
        return None
    start = span.column + words[best].start()
    return Span(span.file, span.line, start, span.line, start + len(best))
