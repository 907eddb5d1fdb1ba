"""Cuts `.mmp` text into tokens and comments; no grammar knowledge but where a unit may stand.

A token's `kind` is `WORD`, `NUMBER`, `UNIT`, `STRING`, `BAD` or the punctuation itself; the feeder
(`dsl/text/feed.py`) gives it a terminal of the grammar. A `BAD` token carries the diagnostic
that says what is wrong with it, so that recovery treats bad characters and bad syntax alike.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from dsl.diagnostic import Diagnostic
from dsl.span import Span
from dsl.syntax import Name

LOWER_UNITS = ("ns", "us", "ms", "s", "min", "h", "bit")
"""Units spelled in lower case; an upper-case word after a number is always read as a unit."""


@dataclass(slots=True)
class Token:
    """A piece of text. `doc` is the `///` text above it; `type` is the grammar's terminal, which
    the feeder sets (Lark asks for that name)."""

    kind: str
    text: str
    span: Span
    doc: str = ""
    problem: Diagnostic | None = None
    type: str = ""

    def name(self) -> Name:
        """This token as an identifier of the syntax tree."""
        return Name(self.text, self.span)


@dataclass(frozen=True, slots=True)
class Comment:
    """A comment as written, its marks included. A `doc` comment is a line of its own that begins
    with exactly `///`."""

    kind: Literal["line", "block", "doc"]
    text: str
    span: Span


_TOKEN = re.compile(
    r"""
    (?P<NEWLINE>\n)
  | (?P<BLANK>[ \t\r\f\v]+)
  | (?P<LINE_COMMENT>//[^\n]*)
  | (?P<BLOCK_COMMENT>/\*.*?\*/)
  | (?P<OPEN_COMMENT>/\*.*)
  | (?P<WORD>[A-Za-z_][A-Za-z0-9_]*)
  | (?P<NUMBER>[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?)
  | (?P<STRING>"(?:[^"\\\n]|\\[^\n])*")
  | (?P<OPEN_STRING>"[^\n]*)
  | (?P<PUNCTUATION>->|\.\.|<=|>=|==|!=|[][(){}.,:=<>+\-*/%])
  | (?P<BAD>[^][\sA-Za-z0-9_"(){}.,:=<>+\-*/%]+|.)
    """,
    re.VERBOSE | re.DOTALL,
)
_UNIT = re.compile(
    r"[A-Z][A-Za-z0-9_]*(?:/s\b)?|(?:" + "|".join(LOWER_UNITS) + r")\b(?!\()(?:/s\b)?"
)
_BLANKS = re.compile(r"[ \t]*")
_PERCENT_IS_MODULO = re.compile(r'[ \t]+%[ \t]*[A-Za-z0-9_("-]')
# Long runs of junk are one token, and are shown only in part.
_SHOWN = 20


def is_unit(word: str) -> bool:
    """Whether this word would be a unit behind a number on its line."""
    return _UNIT.fullmatch(word) is not None


class Lexer:
    """Iterates over the tokens of one text; `comments` fills up on the way."""

    def __init__(self, source: str, path: str) -> None:
        self.comments: list[Comment] = []
        self._source = source
        self._path = path
        self._line = 1
        self._line_start = 0
        self._doc: list[Comment] = []
        self._last_line = 0  # where the last token ended

    def __iter__(self) -> Iterator[Token]:
        """All tokens in order; BAD ones carry their diagnostic."""
        position, size = 0, len(self._source)
        match = _TOKEN.match
        while position < size:
            found = match(self._source, position)
            if found is None:  # pragma: no cover - the last alternative matches any character
                raise AssertionError(f"no token at offset {position}")
            kind, end = found.lastgroup, found.end()
            if kind == "NEWLINE":
                self._line += 1
                self._line_start = end
            elif kind in ("LINE_COMMENT", "BLOCK_COMMENT"):
                self._comment(found.group(), position)
            elif kind != "BLANK":
                token = self._token(str(kind), found.group(), position)
                self._last_line = self._line
                yield token
                if kind == "NUMBER" and (unit := self._unit(end)):
                    yield unit
                    end = position + len(token.text) + self._gap(end) + len(unit.text)
            position = end

    def _span(self, start: int, text: str) -> Span:
        line, column = self._line, start - self._line_start + 1
        if "\n" in text:
            self._line += text.count("\n")
            self._line_start = start + text.rindex("\n") + 1
        return Span(self._path, line, column, self._line, start + len(text) - self._line_start + 1)

    def _token(self, kind: str, text: str, start: int) -> Token:
        if kind == "PUNCTUATION":
            kind = text
        elif kind in ("OPEN_COMMENT", "OPEN_STRING", "BAD"):
            return self._bad(kind, text, start)
        span = self._span(start, text)
        return Token(kind, text, span, self._take_doc(span.line) if self._doc else "")

    def _gap(self, end: int) -> int:
        found = _BLANKS.match(self._source, end)
        return found.end() - end if found else 0

    def _unit(self, end: int) -> Token | None:
        """The unit that follows a number on its line.

        `%` next to the number is always a unit; after blanks it is one unless something to divide
        by follows (`7 % 2`).
        """
        start = end + self._gap(end)
        if self._source.startswith("%", start):
            if _PERCENT_IS_MODULO.match(self._source, end):
                return None
            return Token("UNIT", "%", self._span(start, "%"))
        found = _UNIT.match(self._source, start)
        return Token("UNIT", found.group(), self._span(start, found.group())) if found else None

    def _comment(self, text: str, start: int) -> None:
        """Keep a comment; one that begins with `///` and stands alone on its line documents."""
        span = self._span(start, text)
        text = text.rstrip()
        is_alone = span.line != self._last_line
        if is_alone and text.startswith("///") and not text.startswith("////"):
            comment = Comment("doc", text, span)
            if self._doc and self._doc[-1].span.line != span.line - 1:
                self._doc.clear()
            self._doc.append(comment)
        else:
            comment = Comment("block" if text.startswith("/*") else "line", text, span)
            self._doc.clear()
        self.comments.append(comment)

    def _take_doc(self, line: int) -> str:
        """The text of the `///` lines that end directly above `line`."""
        lines = self._doc if self._doc[-1].span.line == line - 1 else []
        doc = "\n".join(c.text.removeprefix("///").removeprefix(" ") for c in lines)
        self._doc.clear()
        return doc

    def _bad(self, kind: str, text: str, start: int) -> Token:
        whole = self._span(start, text)
        span = whole
        if kind == "OPEN_COMMENT":
            span = Span(self._path, whole.line, whole.column, whole.line, whole.column + 2)
            problem = Diagnostic(
                "MMP003", "error", "this comment has no end", span, help="close it with `*/`"
            )
        elif kind == "OPEN_STRING":
            text = text.rstrip()
            span = Span(self._path, whole.line, whole.column, whole.line, whole.column + len(text))
            problem = Diagnostic(
                "MMP002",
                "error",
                "this string has no end on its line",
                span,
                help='close it with `"`',
            )
        else:
            problem = _bad_characters(text, span)
        return Token("BAD", text, span, problem=problem)


def _bad_characters(text: str, span: Span) -> Diagnostic:
    code_points = "U+" + " U+".join(f"{ord(c):04X}" for c in text[:4])
    shown = f"`{text[:_SHOWN]}`" if text[:_SHOWN].isprintable() else code_points
    if "\0" in text:
        return Diagnostic(
            "MMP004", "error", "a NUL byte is not text", span, help="is this a binary file?"
        )
    hint = {
        ";": "statements need no separator",
        "'": 'strings are written in double quotes: "..."',
        "#": "comments begin with `//`",
    }.get(text[0], "")
    if not hint and text[0].isalpha():
        hint = "names are made of the letters a to z, digits and `_`"
    return Diagnostic("MMP001", "error", f"unexpected character {shown}", span, help=hint)
