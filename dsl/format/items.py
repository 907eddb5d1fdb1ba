"""A parsed text as nested items: each token with the comments around it, blocks inside items.

The tree says where items begin; everything else the printer needs is in the tokens.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from dsl.span import Span
from dsl.syntax import File
from dsl.text.lexer import Comment, Token
from dsl.text.parser import Reading

# The fields of syntax tree nodes that hold items of a block.
_LISTS = ("statements", "items", "fields", "then", "otherwise", "recompute", "layouts")


@dataclass(frozen=True, slots=True)
class Leading:
    """A comment on lines of its own before a token."""

    comment: Comment
    blank_before: bool


@dataclass(frozen=True, slots=True)
class Lexeme:
    """A token with its comments: `leading` above it, `trailing` behind it on its line."""

    token: Token
    leading: tuple[Leading, ...]
    trailing: tuple[Comment, ...]
    blank_before: bool


@dataclass(frozen=True, slots=True)
class Block:
    """`{ items }`; `one_line` when the author wrote it so."""

    opening: Lexeme
    items: tuple[Item, ...]
    closing: Lexeme
    one_line: bool


@dataclass(frozen=True, slots=True)
class Item:
    """A statement or an entry of a block."""

    parts: tuple[Lexeme | Block, ...]

    @property
    def first(self) -> Lexeme:
        """The token it begins with."""
        part = self.parts[0]
        return part.opening if isinstance(part, Block) else part


@dataclass(frozen=True, slots=True)
class Arranged:
    """A whole file: its statements, and the comments after the last one."""

    items: tuple[Item, ...]
    ending: tuple[Leading, ...]


def arrange(reading: Reading) -> Arranged:
    """The items of a text that was read without errors."""
    lexemes, ending = _lexemes(reading.tokens, reading.comments)
    starts = _item_starts(reading.file, reading.tokens)
    items, _ = _items(lexemes, 0, starts)
    return Arranged(items, ending)


def _item_starts(file: File, tokens: Sequence[Token]) -> frozenset[tuple[int, int]]:
    """Line and column of the first token of every item."""
    starts = {_place(span) for span in _item_spans(file)}
    # These two have no node of their own.
    for here, following, after in zip(tokens, tokens[1:], tokens[2:], strict=False):
        is_recompute = here.type == "RECOMPUTE" and following.type == "LBRACE"
        is_strategy = here.type == "STRATEGY" and after.type == "LBRACE"
        if is_recompute or is_strategy:
            starts.add(_place(here.span))
    return frozenset(starts)


def _item_spans(file: File) -> Iterator[Span]:
    pending: list[Any] = [file]
    while pending:
        node = pending.pop()
        for name in _LISTS:
            for child in getattr(node, name, None) or ():
                yield child.span
                pending.append(child)
        if (body := getattr(node, "body", None)) is not None:
            pending.append(body)
        pending.extend(body for _, body in getattr(node, "strategies", ()))


def _place(span: Span) -> tuple[int, int]:
    return span.line, span.column


def _lexemes(
    tokens: Sequence[Token], comments: Sequence[Comment]
) -> tuple[list[Lexeme], tuple[Leading, ...]]:
    """Each token with its comments, and the comments after the last token's line."""
    lexemes: list[Lexeme] = []
    rest = list(reversed(comments))
    last_line = 0
    leading = _take_leading(rest, tokens[0].span if tokens else None, last_line)
    for number, token in enumerate(tokens):
        above = leading[-1].comment.span.end_line if leading else last_line
        blank = token.span.line > above + 1
        following = tokens[number + 1].span if number + 1 < len(tokens) else None
        trailing = _take_trailing(rest, token.span, following)
        lexemes.append(Lexeme(token, leading, trailing, blank))
        last_line = (trailing[-1].span if trailing else token.span).end_line
        leading = _take_leading(rest, following, last_line)
    return lexemes, leading


def _take_trailing(rest: list[Comment], span: Span, limit: Span | None) -> tuple[Comment, ...]:
    """Take the comments behind a token that begin on the line where the one before them ended."""
    taken: list[Comment] = []
    line = span.end_line
    while rest and rest[-1].span.line == line and _is_before(rest[-1], limit):
        taken.append(rest.pop())
        line = taken[-1].span.end_line
    return tuple(taken)


def _take_leading(rest: list[Comment], limit: Span | None, line: int) -> tuple[Leading, ...]:
    """Take the comments before `limit` (None: all)."""
    taken: list[Leading] = []
    while rest and _is_before(rest[-1], limit):
        comment = rest.pop()
        taken.append(Leading(comment, comment.span.line > line + 1))
        line = comment.span.end_line
    return tuple(taken)


def _is_before(comment: Comment, limit: Span | None) -> bool:
    return limit is None or _place(comment.span) < _place(limit)


def _items(
    lexemes: Sequence[Lexeme], start: int, starts: frozenset[tuple[int, int]]
) -> tuple[tuple[Item, ...], int]:
    """The items from `start` to the end or the closing brace, and the place of that brace."""
    items: list[Item] = []
    parts: list[Lexeme | Block] = []
    position = start
    while position < len(lexemes) and lexemes[position].token.type != "RBRACE":
        lexeme = lexemes[position]
        if _place(lexeme.token.span) in starts and parts:
            items.append(Item(tuple(parts)))
            parts = []
        if lexeme.token.type == "LBRACE":
            inner, position = _items(lexemes, position + 1, starts)
            closing = lexemes[position]
            one_line = lexeme.token.span.line == closing.token.span.line
            parts.append(Block(lexeme, inner, closing, one_line))
        else:
            parts.append(lexeme)
        position += 1
    if parts:
        items.append(Item(tuple(parts)))
    return tuple(items), position


def has_comments(parts: Iterable[Lexeme]) -> bool:
    """Whether any of these tokens has a comment."""
    return any(lexeme.leading or lexeme.trailing for lexeme in parts)
