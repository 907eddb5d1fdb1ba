"""Gives each token the terminal the parser can use where it stands.

This is what makes keywords contextual: the automaton's state decides whether `gate` or `link` is a
keyword, a name, or part of a glob.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import Any

from dsl.text.automaton import terminals
from dsl.text.lexer import Token

# A keyword before one of these is a name where a name can stand: `output[b, s] = ...`.
_AFTER_NAME = ("=", "[", ".")
# An argument glob ends before one of these: `tp(net.w*, over: gpu)`; in `a.w * b` and `a.w*b` the
# star multiplies.
_AFTER_GLOB = (".", ",", ")", "[")


class TokenStream:
    """The tokens of a text with as much look-ahead as asked for."""

    def __init__(self, tokens: Iterator[Token]) -> None:
        self._tokens = tokens
        self._ahead: deque[Token] = deque()

    def peek(self, distance: int = 0) -> Token | None:
        """The token that many places ahead; None past the end."""
        while len(self._ahead) <= distance:
            token = next(self._tokens, None)
            if token is None:
                return None
            self._ahead.append(token)
        return self._ahead[distance]

    def take(self) -> Token:
        """The next token, which `peek` has seen."""
        return self._ahead.popleft()

    def join(self, count: int, terminal: str) -> None:
        """Replace the next `count` tokens by one of that terminal."""
        taken = [self.take() for _ in range(count)]
        text = "".join(t.text for t in taken)
        span = taken[0].span.to(taken[-1].span)
        self._ahead.appendleft(Token(terminal, text, span, taken[0].doc))


def settle(stream: TokenStream, choices: dict[str, Any]) -> Token:
    """The next token with its terminal for a state with these choices; it is not taken."""
    if "GLOB" in choices:
        _join_glob(stream, "GLOB")
    elif "ARGUMENT_GLOB" in choices:
        _join_glob(stream, "ARGUMENT_GLOB")
    token = stream.peek()
    if token is None:  # pragma: no cover - callers peek first
        raise AssertionError("no token to settle")
    token.type = _terminal(token, stream, choices)
    return token


def _terminal(token: Token, stream: TokenStream, choices: dict[str, Any]) -> str:
    terminal = terminals().get(token.text)
    if token.kind != "WORD":
        return terminal if terminal and token.kind == token.text else token.kind
    if terminal not in choices:
        # Behind `per` nothing but a unit can stand, and there it follows no number.
        return "UNIT" if terminal is None and choices.keys() == {"UNIT"} else "NAME"
    following = stream.peek(1)
    is_name = "NAME" in choices and following is not None and following.kind in _AFTER_NAME
    return "NAME" if is_name else str(terminal)


def _join_glob(stream: TokenStream, terminal: str) -> None:
    """Make one glob of adjacent words, numbers and stars that hold a star."""
    run: list[Token] = []
    while (token := stream.peek(len(run))) is not None and _continues(run, token):
        run.append(token)
    if not any(t.text == "*" for t in run):
        return
    if terminal == "ARGUMENT_GLOB" and run[0].text != "*":
        ends_in_star = run[-1].text == "*"
        if not (ends_in_star and token is not None and token.text in _AFTER_GLOB):
            return
    stream.join(len(run), terminal)


def _continues(run: list[Token], token: Token) -> bool:
    if run:
        last, here = run[-1].span, token.span
        if (last.end_line, last.end_column) != (here.line, here.column):
            return False
    is_number = token.kind == "NUMBER" and token.text.isdigit() and bool(run)
    return token.kind in ("WORD", "*") or is_number
