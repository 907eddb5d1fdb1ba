"""Syntax errors in words: what was found, what could stand there, and a likely fix."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
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
# What follows a keyword but never the name that begins an item.
_AFTER_KEYWORD = ("NAME", "NUMBER", "STRING", "LBRACE")


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
    are the brackets still open, outermost first. `found` None: the file ended. `following` is the
    token after `found`.
    """

    statement: Statement
    is_fresh: bool
    before: Statement | None
    found: Token | None
    following: Token | None
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
        "close it with `}`",
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
    if slip.found is None:
        return _end_of_file(slip)
    if slip.found.type == "RBRACE" and not slip.opened:
        message = "unexpected `}`: no block is open here"
        hint = "delete it, or look above for a block that is closed too early"
        return Diagnostic("MMP010", "error", message, slip.found.span, help=hint)
    accepts = _accepts(slip)
    if slip.is_fresh and slip.before is None:
        what = "a statement"
        hint = "a statement begins with " + _any_of([f"`{w}`" for w in statement_keywords()])
    else:
        what, hint = expected(accepts), _misplaced_unit(slip)
    if slip.found.type == "NAME" and (near := _near(slip.found.text, _keywords_of(accepts))):
        hint = f"did you mean `{near}`?"
    span = slip.found.span
    where = ""
    if slip.taken and span.column == 1 and slip.found.text in statement_keywords():
        # The next statement is right; what is missing belongs to the end of the line before.
        where = f" on line {span.line}"
        span = _end_of(slip.taken[-1].token.span)
    is_item = not where and slip.found.type in ("NAME", "NUMBER", "STRING")  # a comma is missing
    can_close = "RPAR" in accepts or "RSQB" in accepts
    hint = hint or _missing_mark(slip.found, accepts, is_item, bool(where))
    labels = _unclosed(slip.opened) if can_close and not is_item else ()
    message = f"expected {what}, found `{_shortened(slip.found.text)}`{where}"
    return Diagnostic("MMP010", "error", message, span, labels, hint)


def _missing_mark(found: Token, accepts: tuple[str, ...], is_item: bool, is_end: bool) -> str:
    """The mark that was most likely forgotten, where several could stand."""
    if is_end:
        closing = [TERMINAL_WORDS[t] for t in ("RSQB", "RPAR") if t in accepts]
        return f"close it with {closing[0]}" if closing else ""
    marks = [TERMINAL_WORDS[t] for t in ("COLON", "COMMA", "EQUAL") if t in accepts]
    if not is_item or not marks or len(accepts) == 1:
        return ""
    return f"is a {marks[0]} missing before `{_shortened(found.text)}`?"


def _end_of_file(slip: Slip) -> Diagnostic:
    accepts = _accepts(slip)
    closing = [t for t in ("RBRACE", "RPAR", "RSQB") if t in accepts]
    message = f"the file ends where {expected(tuple(closing) or accepts)} should be"
    span = _end_of(slip.taken[-1].token.span)
    return Diagnostic("MMP011", "error", message, span, _unclosed(slip.opened))


def _unclosed(opened: tuple[Token, ...]) -> tuple[Label, ...]:
    return tuple(Label(t.span, f"this `{t.text}` is not closed") for t in opened[-1:])


def _end_of(span: Span) -> Span:
    return Span(span.file, span.end_line, span.end_column, span.end_line, span.end_column)


def _shortened(text: str) -> str:
    return text if len(text) <= _SHOWN else text[:_SHOWN] + "…"


def _near(word: str, candidates: Iterable[str]) -> str:
    """The candidate that `word` is probably a misspelling of."""
    found = nearest(word, candidates, _TYPO)
    return "" if found == word else found


def _misplaced_unit(slip: Slip) -> str:
    is_unit = slip.found is not None and slip.found.text in _COMMON_UNITS
    after_number = bool(slip.taken) and slip.taken[-1].token.type == "NUMBER"
    return "a unit stands on the line of its number" if is_unit and after_number else ""


def _unknown_unit(slip: Slip) -> Diagnostic | None:
    """A lower-case word after a number on its line, where a unit could stand: `2 sec`."""
    choices = (slip.before if slip.is_fresh and slip.before else slip.statement).choices
    line = list(slip.taken)
    if slip.found is not None and not _begins_something(slip.following):
        line.append(Taken(slip.found, choices))
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


def _begins_something(following: Token | None) -> bool:
    """Whether the token before this one is a label or a name, not a unit: `4 gpu: 8`."""
    return following is not None and following.kind in (":", "=", "(", "[", ".")


def _near_keyword(word: Taken) -> str:
    """The keyword that could stand where this word does and is spelled much like it."""
    spellings = _spellings()
    could = [spellings[t] for t in word.choices if t in spellings and spellings[t][0].isalpha()]
    return _near(word.token.text, could)


def _misspelt_keyword(slip: Slip) -> Diagnostic | None:
    """The word before the slip was taken for a name but was meant as a keyword.

    It is nearly one that could stand there (`blok attn {`), or one that could not (`pin` in a
    model).
    """
    if not slip.taken or slip.is_fresh or slip.found is None:
        return None
    last = slip.taken[-1]
    if last.token.type != "NAME" or slip.found.type not in _AFTER_KEYWORD:
        return None
    text = last.token.text
    if near := _near_keyword(last):
        message, hint = f"unknown word `{text}`", f"did you mean `{near}`?"
    elif text in keywords() and _begins_item(last):
        message, hint = f"`{text}` cannot stand here", "it belongs into another block or outside"
    else:
        return None
    return Diagnostic("MMP010", "error", message, last.token.span, help=hint)


def _begins_item(word: Taken) -> bool:
    """Whether a new item of a block could begin with this word."""
    return "RBRACE" in word.choices
