"""What goes between two neighbouring tokens of a line: nothing or one blank, and may it break."""

from __future__ import annotations

from dsl.text.lexer import Token, is_unit

_TIGHT_AFTER = ("LPAR", "LSQB", "DOT", "DOTS")
_TIGHT_BEFORE = ("RPAR", "RSQB", "COMMA", "DOT", "DOTS", "LSQB")
_BINARY = (
    *("PLUS", "MINUS", "STAR", "SLASH", "PERCENT", "AND", "OR"),
    *("LESSEQUAL", "MOREEQUAL", "LESSTHAN", "MORETHAN", "EQUALS", "UNEQUALS"),
)
_CLAUSES = ("ARROW", "WITH", "BEFORE", "WEIGHT", "LATENCY", "EFFICIENCY")
_VALUE_ENDS = ("NAME", "NUMBER", "UNIT", "STRING", "RPAR", "RSQB", "GLOB", "ARGUMENT_GLOB")


def is_binary(tokens: list[Token], place: int) -> bool:
    """Whether the token there is an operator between two values (not the sign of one)."""
    return tokens[place].type in _BINARY and place > 0 and tokens[place - 1].type in _VALUE_ENDS


def gap(tokens: list[Token], place: int, depth: int) -> str:
    """What stands before the token there, `depth` brackets deep in its item, on one line."""
    before, here = tokens[place - 1], tokens[place]
    if here.type == "DOT" and before.type == "NUMBER" and tokens[place + 1].type == "NUMBER":
        return " "  # `gpu.0.5` would hold the number 0.5
    if here.type == "LSQB" and before.type == "EQUAL":
        return " "  # the axes of a mesh without one device
    if before.type in _TIGHT_AFTER or here.type in _TIGHT_BEFORE:
        return ""
    if here.type == "COLON":
        return "" if depth or _is_parameter(tokens, place) else " "
    if before.type == "MINUS" and not is_binary(tokens, place - 1):
        return ""
    if here.type == "LPAR":
        is_phase = tokens[place - 2].type in ("ORDER", "BEFORE")
        is_names = tokens[0].type == "IMPORT" and all(t.type != "WITH" for t in tokens[:place])
        is_call = before.type == "NAME" and not is_names and not is_phase
        return "" if is_call or before.type == "GRADIENT" else " "
    return "" if here.type == "UNIT" and here.text == "%" else " "


def _is_parameter(tokens: list[Token], place: int) -> bool:
    """`param nodes: int` at the top level."""
    return tokens[0].type == "PARAM" and tokens[place - 1].type == "NAME"


def must_break(tokens: list[Token], place: int) -> bool:
    """Whether the token there would be read as a unit on the line of the number before it."""
    return tokens[place - 1].type == "NUMBER" and (
        tokens[place].type == "NAME" and is_unit(tokens[place].text)
    )


def may_break(tokens: list[Token], place: int) -> bool:
    """Whether a long line may be broken before the token there."""
    return (
        tokens[place - 1].type == "COMMA"
        or tokens[place].type in _CLAUSES
        or is_binary(tokens, place)
    )
