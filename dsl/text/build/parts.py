"""What rule callbacks share: reading the children of a matched rule.

The automaton calls the method named after a rule with its matched pieces, in order: tokens (all of
them, keywords and punctuation too), syntax tree nodes, and `Clause` values for rules that are
only a part of a node. Each knows its span, so a rule's span is first child to last child.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeVar

from dsl.diagnostic import Diagnostic, DiagnosticError
from dsl.span import Span
from dsl.syntax import Name
from dsl.text.lexer import Token

Children = list[Any]
Node = TypeVar("Node")


@dataclass(frozen=True, slots=True)
class Clause:
    """The value of a rule that has no node of its own (`weight 2 ms`, an index list)."""

    rule: str
    value: Any
    span: Span
    doc: str = ""


def span_of(children: Children) -> Span:
    """From the start of the first child to the end of the last."""
    first: Span = children[0].span
    return first.to(children[-1].span)


def doc_of(children: Children) -> str:
    """The doc comment above the first token of the rule."""
    first = children[0]
    return first.doc if isinstance(first, (Token, Clause)) else ""


def clause(children: Children, rule: str) -> Any:
    """The value of the child clause of that rule, or None when it was left out."""
    for child in children:
        if isinstance(child, Clause) and child.rule == rule:
            return child.value
    return None


def clauses(children: Children, rule: str) -> tuple[Any, ...]:
    """The values of all child clauses of that rule."""
    return tuple(c.value for c in children if isinstance(c, Clause) and c.rule == rule)


def names(children: Children) -> tuple[Name, ...]:
    """The children that are NAME tokens."""
    return tuple(c.name() for c in children if isinstance(c, Token) and c.type == "NAME")


def tokens(children: Children) -> tuple[Token, ...]:
    """The children that are tokens of any terminal."""
    return tuple(c for c in children if isinstance(c, Token))


def nodes(children: Children) -> tuple[Any, ...]:
    """The children that are finished syntax tree nodes (neither tokens nor clauses)."""
    return tuple(c for c in children if not isinstance(c, (Token, Clause)))


def has(children: Children, terminal: str) -> bool:
    """Whether a token of that terminal is among the children."""
    return any(isinstance(c, Token) and c.type == terminal for c in children)


def whole_number(token: Token, what: str) -> int:
    """The integer a NUMBER token spells; DiagnosticError MMP013 for `2.5` or `1e3`."""
    if not token.text.isdigit():
        raise error("MMP013", f"{what} is a whole number, found `{token.text}`", token.span)
    if len(token.text) > 18:
        raise error("MMP013", f"{what} is too large", token.span)
    return int(token.text)


def error(code: str, message: str, span: Span, hint: str = "") -> DiagnosticError:
    """An error of meaning that the grammar cannot express; the feeder reports it and recovers."""
    return DiagnosticError([Diagnostic(code, "error", message, span, help=hint)])
