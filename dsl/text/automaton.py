"""The LALR(1) automaton of the grammar, built once, and the only place that holds Lark objects."""

from __future__ import annotations

from collections.abc import Iterator
from copy import copy
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from lark import Lark
from lark.lexer import Lexer as LarkLexer
from lark.parsers.lalr_analysis import Shift

from dsl.project.cache import cache_folder
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


def build(strict: bool = False, cache_file: Path | None = None) -> Lark:
    """An automaton; `strict` makes any grammar conflict a GrammarError (for a test).

    Its tables take a quarter of a second, so Lark keeps them in the cache file. It makes them anew
    where the file is of another grammar or version, or cannot be read, and goes on without one
    where it cannot be written.
    """
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
        cache=str(cache_file) if cache_file else False,
    )


@cache
def _automaton() -> Lark:
    folder = cache_folder()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        return build()
    return build(cache_file=folder / "grammar")


@cache
def terminals() -> dict[str, str]:
    """Spelling -> terminal, for every keyword and punctuation mark of the grammar."""
    return {terminal.pattern.value: terminal.name for terminal in _automaton().terminals}


@cache
def keywords() -> tuple[str, ...]:
    """Every keyword of the language, sorted."""
    return tuple(sorted(word for word in terminals() if word[0].isalpha()))


@cache
def _rehearsing() -> Any:
    """The automaton's configuration without its callbacks."""
    conf = copy(_automaton().parse_interactive().parser_state.parse_conf)
    conf.callbacks = {}
    return conf


class Statement:
    """One top-level statement being parsed: tokens in, a syntax tree node out."""

    def __init__(self) -> None:
        self._parser: Any = _automaton().parse_interactive()

    def rehearsal(self) -> Statement:
        """The same state, to try tokens on; it builds nothing and leaves this one as it is.

        A mere copy would not do: callbacks of repeated rules extend the lists of the original.
        """
        twin = Statement.__new__(Statement)
        twin._parser = self._parser.copy(deepcopy_values=False)
        twin._parser.parser_state.parse_conf = _rehearsing()
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
        and those reductions must not be left behind. DiagnosticError from the builder.
        """
        if not self._can_take(token.type):
            return False
        self._parser.feed_token(token)
        return True

    def can_finish(self) -> bool:
        """Whether the statement may end here."""
        return self._can_take(END)

    def _can_take(self, terminal: str) -> bool:
        """Follow the table through the reductions that this terminal brings about."""
        states = self._parser.parser_state.parse_conf.states
        action, rule = states[self._parser.parser_state.position].get(terminal, (None, None))
        stack: list[Any] = []
        while action is not None and action is not Shift:
            stack = stack or list(self._parser.parser_state.state_stack)
            if size := len(rule.expansion):
                del stack[-size:]
            stack.append(states[stack[-1]][rule.origin.name][1])
            if terminal == END and stack[-1] == self._parser.parser_state.parse_conf.end_state:
                return True
            action, rule = states[stack[-1]].get(terminal, (None, None))
        return action is Shift

    def finish(self) -> Any:
        """The finished statement, after `can_finish`; DiagnosticError from the builder."""
        return self._parser.feed_eof()
