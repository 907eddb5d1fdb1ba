"""Where a cursor stands in its statement: what was written before it, and what may follow."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache

from dsl.text import automaton
from dsl.text.automaton import END
from dsl.text.feed import TokenStream, settle
from dsl.text.lexer import Lexer, Token
from dsl.text.messages import statement_keywords

_WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_]*$")
_BEGINNING = re.compile(r"[a-z_]+")
_UNIT = re.compile(r"[A-Za-z%][A-Za-z0-9_/]*$")
_OPENING = ("(", "[", "{")
_CLOSING = {")": "(", "]": "[", "}": "{"}


@dataclass(frozen=True, slots=True)
class Context:
    """`tokens` are those of the statement before the word in progress, with their terminals;
    `keywords` the words that the grammar takes next, `accepts` all terminals that it takes;
    `start` is the column where the word in progress begins. `is_broken`: the grammar could not
    follow, so anything may be meant."""

    tokens: tuple[Token, ...]
    accepts: frozenset[str]
    keywords: tuple[str, ...]
    start: int
    is_broken: bool

    @property
    def statement(self) -> str:
        """The word that the statement begins with; empty at the beginning of one."""
        return self.tokens[0].text if self.tokens else ""

    @property
    def last(self) -> str:
        """The text of the token before the cursor."""
        return self.tokens[-1].text if self.tokens else ""

    def opened(self) -> tuple[int, ...]:
        """The places of the brackets that are still open, outermost first."""
        places: list[int] = []
        for number, token in enumerate(self.tokens):
            if token.text in _OPENING:
                places.append(number)
            elif token.text in _CLOSING and places:
                places.pop()
        return tuple(places)

    def bracket(self) -> tuple[str, int]:
        """The innermost open bracket and its place; an empty text where there is none."""
        places = self.opened()
        return (self.tokens[places[-1]].text, places[-1]) if places else ("", -1)

    def texts(self) -> list[str]:
        """The texts of the tokens."""
        return [token.text for token in self.tokens]


def context(source: str, line: int, column: int) -> Context:
    """The context of a place in a text."""
    lines = source.split("\n")[:line]
    if not lines:
        return Context((), frozenset(), statement_keywords(), column, False)
    lines[-1] = lines[-1][: column - 1]
    first = _first_line(lines)
    text = "\n".join(lines[first:])
    number = bool(re.search(r"[0-9]\s*[A-Za-z%][A-Za-z0-9_/]*$", text))
    word = (_UNIT if number else _WORD).search(text)
    start = column - (len(word.group()) if word else 0)
    before = text[: word.start()] if word else text
    return _follow(before, start)


@cache
def _beginnings() -> frozenset[str]:
    return frozenset(statement_keywords())


def begins_statement(line: str) -> bool:
    """Whether a line begins with a word that a statement begins with, in the first column."""
    found = _BEGINNING.match(line)
    return found is not None and found.group() in _beginnings()


def _first_line(lines: list[str]) -> int:
    """The line where the last statement begins, from 0."""
    return next((n for n in range(len(lines) - 1, -1, -1) if begins_statement(lines[n])), 0)


def _follow(text: str, start: int) -> Context:
    """Feed the text to the grammar's automaton as far as it goes."""
    stream = TokenStream(token for token in Lexer(text, "") if token.problem is None)
    statement = automaton.Statement().rehearsal()
    taken: list[Token] = []
    while stream.peek() is not None:
        token = settle(stream, statement.choices)
        if not statement.feed(token):
            if not statement.can_finish() or not taken:
                return Context((*taken, *_rest(stream)), frozenset(), (), start, True)
            statement, taken = automaton.Statement().rehearsal(), []
            continue
        taken.append(stream.take())
    accepts = frozenset(statement.accepts())
    return Context(tuple(taken), accepts, _keywords(accepts, bool(taken)), start, False)


def _rest(stream: TokenStream) -> list[Token]:
    rest = []
    while stream.peek() is not None:
        rest.append(stream.take())
    return rest


def _keywords(accepts: frozenset[str], is_inside: bool) -> tuple[str, ...]:
    spelling = {terminal: text for text, terminal in automaton.terminals().items()}
    words = [spelling[t] for t in accepts if t in spelling and spelling[t][0].isalpha()]
    if END in accepts and is_inside:
        words.extend(statement_keywords())
    return tuple(sorted(set(words)))
