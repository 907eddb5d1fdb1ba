"""Syntax errors in words: what was found, what could stand there, and a likely fix."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from dsl.diagnostic import Diagnostic, Label
from dsl.span import Span
from dsl.suggest import did_you_mean, nearest
from dsl.text.automaton import END, Statement, keywords, terminals
from dsl.text.lexer import LOWER_UNITS, Token

TERMINAL_WORDS = {
    "COMMA": "`,`",
    "COLON": "`:`",
    "EQUAL": "`=`",
    "DOT": "`.`",
    "DOTS": "`..`",
    "ARROW": "`->`",
    "LPAR": "`(`",
    "RPAR": "`)`",
    "LSQB": "`[`",
    "RSQB": "`]`",
    "LBRACE": "`{`",
    "RBRACE": "`}`",
    "LESSEQUAL": "`<=`",
    "MOREEQUAL": "`>=`",
    "LESSTHAN": "`<`",
    "MORETHAN": "`>`",
    "EQUALS": "`==`",
    "UNEQUALS": "`!=`",
    "PLUS": "`+`",
    "MINUS": "`-`",
    "STAR": "`*`",
    "SLASH": "`/`",
    "PERCENT": "`%`",
    "STRING": "a string",
    "NUMBER": "a number",
    "UNIT": "a unit",
    "GLOB": "a name or glob",
    "ARGUMENT_GLOB": "a glob",
    "NAME": "a name",
    END: "a new statement",
}
"""Human words for every terminal that is no keyword; a keyword is shown as it is spelled."""

_VALUE = ("NUMBER", "STRING", "LPAR", "MINUS", "NOT", "NAME")
_OPERATORS = (
    *("PLUS", "MINUS", "STAR", "SLASH", "PERCENT", "AND", "OR"),
    *("LESSEQUAL", "MOREEQUAL", "LESSTHAN", "MORETHAN", "EQUALS", "UNEQUALS"),
)
# What may also follow a name or number inside an expression; "an operator" says enough.
_CONTINUATIONS = ("DOT", "LSQB", "LPAR", "UNIT")
_COMMON_UNITS = (
    *LOWER_UNITS,
    *("B", "KiB", "MiB", "GiB", "TiB", "KB", "MB", "GB", "TB"),
    *("B/s", "MB/s", "GB/s", "TB/s", "Gbit/s", "FLOP", "GFLOP/s", "TFLOP/s"),
)
_WRITTEN_OUT = {
    **dict.fromkeys(("sec", "secs", "second", "seconds"), "s"),
    **dict.fromkeys(("msec", "millisecond", "milliseconds"), "ms"),
    **dict.fromkeys(("usec", "microsecond", "microseconds"), "us"),
    **dict.fromkeys(("minute", "minutes"), "min"),
    **dict.fromkeys(("hour", "hours"), "h"),
    **dict.fromkeys(("byte", "bytes"), "B"),
    "percent": "%",
}
# Nearness from which a name followed by nonsense is taken for a misspelt keyword.
_TYPO = 0.75
_SHOWN = 40


@dataclass(frozen=True, slots=True)
class Taken:
    """A token the parser took, with the choices it had before."""

    token: Token
    choices: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Slip:
    """Where parsing stopped.

    `statement` is the one in progress, `is_fresh` when it has no token yet; `before` is then the
    finished statement as it was before its end, which may be where the mistake is. `opened`
    are the brackets still open, outermost first. `found` None: the file ended.
    """

    statement: Statement
    is_fresh: bool
    before: Statement | None
    found: Token | None
    taken: tuple[Taken, ...]
    opened: tuple[Token, ...]


def describe(slip: Slip) -> Diagnostic:
    """The one diagnostic for this slip."""
    return _unknown_unit(slip) or _misspelt_keyword(slip) or _unexpected(slip)


def missing_brace(opened: Token, found: Token) -> Diagnostic:
    """A new statement begins in the first column while a block is still open."""
    return Diagnostic(
        "MMP011",
        "error",
        f"expected `}}` before `{found.text}`",
        found.span,
        (Label(opened.span, "this `{` is not closed"),),
    )


def spelling(terminal: str) -> str:
    """A terminal in words."""
    if terminal in TERMINAL_WORDS:
        return TERMINAL_WORDS[terminal]
    return f"`{_spellings()[terminal]}`"


def expected(accepts: tuple[str, ...]) -> str:
    """The accepted terminals in words, groups of them joined ("a value", "an operator")."""
    rest = list(accepts)
    words: list[str] = []
    if "STAR" in rest and "PLUS" in rest:
        rest = [t for t in rest if t not in _OPERATORS and t not in _CONTINUATIONS]
        words.append("an operator")
    if all(t in rest for t in ("NUMBER", "LPAR", "NAME")):
        rest = [t for t in rest if t not in _VALUE]
        words.append("a value")
    if "GLOB" in rest:
        rest.remove("NAME")
    marks = [TERMINAL_WORDS[t] for t in TERMINAL_WORDS if t in rest and t != END]
    names = [spelling(t) for t in rest if t not in TERMINAL_WORDS]
    if END in rest:
        words.append(TERMINAL_WORDS[END])
    return _any_of([*marks, *names, *words])


def _any_of(words: list[str]) -> str:
    *most, last = words
    return f"{', '.join(most)} or {last}" if most else last


def _spellings() -> dict[str, str]:
    return {terminal: text for text, terminal in terminals().items()}


def _accepts(slip: Slip) -> tuple[str, ...]:
    state = slip.before if slip.is_fresh and slip.before else slip.statement
    return state.accepts()


def _keywords_of(accepts: tuple[str, ...]) -> tuple[str, ...]:
    spellings = _spellings()
    words = [spellings[t] for t in accepts if t in spellings and spellings[t][0].isalpha()]
    return (*words, *statement_keywords()) if END in accepts else tuple(words)


def statement_keywords() -> tuple[str, ...]:
    """The words a top-level statement begins with."""
    spellings = _spellings()
    return tuple(spellings[t] for t in Statement().accepts())


def _unexpected(slip: Slip) -> Diagnostic:
    accepts = _accepts(slip)
    if slip.is_fresh and slip.before is None:
        what = "a statement"
        hint = "a statement begins with " + _any_of([f"`{w}`" for w in statement_keywords()])
    else:
        what, hint = expected(accepts), ""
    labels = tuple(Label(t.span, f"this `{t.text}` is not closed") for t in slip.opened[-1:])
    if slip.found is None:
        last = slip.taken[-1].token.span
        end = Span(last.file, last.end_line, last.end_column, last.end_line, last.end_column)
        return Diagnostic("MMP011", "error", f"the file ends where {what} should be", end, labels)
    if slip.found.type == "RBRACE" and not slip.opened:
        message = "unexpected `}`: no block is open here"
        return Diagnostic("MMP010", "error", message, slip.found.span)
    if slip.found.type == "NAME":
        hint = did_you_mean(slip.found.text, _keywords_of(accepts)) or hint
    shown = slip.found.text if len(slip.found.text) <= _SHOWN else slip.found.text[:_SHOWN] + "…"
    message = f"expected {what}, found `{shown}`"
    if slip.found.type not in ("RBRACE", "RPAR", "RSQB") and not _closes(accepts):
        labels = ()
    return Diagnostic("MMP010", "error", message, slip.found.span, labels, hint)


def _closes(accepts: tuple[str, ...]) -> bool:
    return "RPAR" in accepts or "RSQB" in accepts


def _unknown_unit(slip: Slip) -> Diagnostic | None:
    """A lower-case word after a number on its line, where a unit could stand: `2 sec`."""
    choices = (slip.before if slip.is_fresh and slip.before else slip.statement).choices
    line = [*slip.taken, *([Taken(slip.found, choices)] if slip.found else [])]
    for number, word in pairwise(line):
        if (
            number.token.type == "NUMBER"
            and "UNIT" in word.choices
            and word.token.type == "NAME"
            and word.token.text not in keywords()
            and number.token.span.end_line == word.token.span.line
            and not _near_keyword(word)
        ):
            text = word.token.text
            meant = _WRITTEN_OUT.get(text)
            hint = f"did you mean `{meant}`?" if meant else did_you_mean(text, _COMMON_UNITS)
            message = f"unknown unit `{text}`"
            return Diagnostic("MMP012", "error", message, word.token.span, help=hint)
    return None


def _near_keyword(word: Taken) -> str:
    """The keyword that could stand where this word does and is spelled much like it."""
    spellings = _spellings()
    could = [spellings[t] for t in word.choices if t in spellings and spellings[t][0].isalpha()]
    return nearest(word.token.text, could, _TYPO)


def _misspelt_keyword(slip: Slip) -> Diagnostic | None:
    """The word before the slip was taken for a name but is nearly a keyword: `blok attn {`."""
    if not slip.taken or slip.is_fresh:
        return None
    if slip.found is not None and slip.found.type not in ("NAME", "NUMBER", "STRING", "LBRACE"):
        return None
    last = slip.taken[-1]
    if last.token.type != "NAME" or not (keyword := _near_keyword(last)):
        return None
    if keyword == last.token.text:
        return None
    message = f"unknown word `{last.token.text}`"
    return Diagnostic(
        "MMP010", "error", message, last.token.span, help=f"did you mean `{keyword}`?"
    )
