"""Names of a model that were written above the cursor, read from its tokens alone: while a line is
being typed, the model has no tree yet."""

from __future__ import annotations

from collections.abc import Sequence

from dsl.editor.candidates import Item
from dsl.text.lexer import Token

_OWNERS = ("MODEL", "STRATEGY")
_DECLARES = ("INPUT", "PARAM", "BLOCK", "AS")


def local_indices(tokens: Sequence[Token]) -> list[Item]:
    """The indices declared so far, last one first."""
    found: dict[str, None] = {}
    is_index = False
    for before, token, after in _threes(tokens):
        if before is not None and before.type == "INDEX":
            is_index = True
        elif before is not None and before.type != "COMMA" and _begins_line(before, token):
            is_index = False
        if is_index and token.type == "NAME" and after is not None and after.type == "EQUAL":
            found[token.text] = None
    return [Item(name, "index") for name in reversed(found)]


def local_tensors(tokens: Sequence[Token]) -> list[Item]:
    """The tensors, blocks, parameters and constants named so far, last one first."""
    found: dict[str, str] = {}
    depth = 0
    for before, token, after in _threes(tokens):
        depth += (token.text in ("(", "[")) - (token.text in (")", "]"))
        if token.type != "NAME" or before is None or before.type in _OWNERS:
            continue
        if before.type in _DECLARES:
            found[token.text] = "block" if before.type in ("BLOCK", "AS") else "tensor"
        elif before.type == "LET":
            found[token.text] = "constant"
        elif depth == 1 and after is not None and after.type == "COLON" and not found:
            found.setdefault(token.text, "parameter")
        elif not depth and after is not None and after.type in ("EQUAL", "LSQB", "COMMA"):
            found.setdefault(token.text, "tensor")
    indices = {item.label for item in local_indices(tokens)}
    return [Item(name, sort) for name, sort in reversed(found.items()) if name not in indices]


def _begins_line(before: Token, token: Token) -> bool:
    return token.span.line > before.span.end_line


def _threes(tokens: Sequence[Token]) -> list[tuple[Token | None, Token, Token | None]]:
    """Every token with its neighbours."""
    return [
        (tokens[n - 1] if n else None, token, tokens[n + 1] if n + 1 < len(tokens) else None)
        for n, token in enumerate(tokens)
    ]
