"""The LALR(1) automaton of the grammar, built once, and the only place that holds Lark objects."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from importlib.resources import files
from typing import Any

from lark import Lark
from lark.exceptions import UnexpectedToken
from lark.lexer import Lexer as LarkLexer
from lark.parsers.lalr_analysis import Shift

from dsl.text.build.builder import Builder
from dsl.text.lexer import Token

END = "$END"


class _NoLexer(LarkLexer):
    """Stands where Lark wants a lexer; the feeder pushes tokens instead."""

    def __init__(self, lexer_conf: Any) -> None:
        del lexer_conf

    def lex(self, lexer_state: Any, parser_state: Any) -> Iterator[Any]:  # noqa: ARG002
        """Never asked for: `InteractiveParser.feed_token` is the only way in."""
        raise AssertionError("tokens are fed one by one")


def build(strict: bool = False) -> Lark:
    """A fresh automaton; `strict` makes any grammar conflict a GrammarError (for a test)."""
    grammar = files("dsl.text").joinpath("grammar.lark").read_text(encoding="utf-8")
    return Lark(
        grammar,
        parser="lalr",
        lexer=_NoLexer,
        start="statement",
        strict=strict,
        keep_all_tokens=True,
        maybe_placeholders=False,
        transformer=Builder(),
    )


@cache
def _automaton() -> Lark:
    return build()


@cache
def terminals() -> dict[str, str]:
    """Spelling -> terminal, for every keyword and punctuation mark of the grammar."""
    return {
        terminal.pattern.value: terminal.name
        for terminal in _automaton().terminals
        if terminal.pattern is not None
    }


@cache
def keywords() -> tuple[str, ...]:
    """Every keyword of the language, sorted."""
    return tuple(sorted(word for word in terminals() if word[0].isalpha()))


class Statement:
    """One top-level statement being parsed: tokens in, a syntax tree node out."""

    def __init__(self) -> None:
        self._parser: Any = _automaton().parse_interactive()

    def copy(self) -> Statement:
        """The same state, to go on from independently."""
        twin = Statement.__new__(Statement)
        twin._parser = self._parser.copy(deepcopy_values=False)
        return twin

    @property
    def choices(self) -> dict[str, Any]:
        """The terminals the current state has an action for (a superset of `accepts`)."""
        choices: dict[str, Any] = self._parser.choices()
        return choices

    def accepts(self) -> tuple[str, ...]:
        """The terminals that can really follow, sorted."""
        return tuple(sorted(self._parser.accepts()))

    def feed(self, token: Token) -> bool:
        """Take one token; False, with the state as it was, when it cannot follow.

        The tables are LALR: a token that no rule can use here may still make rules reduce first,
        and those reductions must not be left behind.
        """
        action, _ = self._parser.choices()[token.type]
        before = None if action is Shift else self._parser.copy(deepcopy_values=False)
        try:
            self._parser.feed_token(token)
        except UnexpectedToken:
            self._parser = before
            return False
        return True

    def finish(self) -> Any:
        """The finished statement, or None when more was to come."""
        try:
            return self._parser.feed_eof()
        except UnexpectedToken:
            return None
