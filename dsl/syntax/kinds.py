"""Operator kinds and their formulas."""

from __future__ import annotations

from dataclasses import dataclass

from dsl.span import Span
from dsl.syntax.expressions import Expr, Name


@dataclass(frozen=True, slots=True)
class Pattern:
    """One entry of a formal index list: a single index, or `name..` for any number of them."""

    name: Name
    is_many: bool
    span: Span


@dataclass(frozen=True, slots=True)
class Formal:
    """A formal operand or result of a kind: `q[b, s, heads.., k]`."""

    name: Name
    patterns: tuple[Pattern, ...]
    span: Span


@dataclass(frozen=True, slots=True)
class Engine:
    """`engine tensor efficiency 0.7`: `tensor` (matrix unit), `attention` (it, in a fused kernel)
    or `vector`."""

    name: Name
    efficiency: Expr | None
    span: Span


@dataclass(frozen=True, slots=True)
class Formula:
    """`flops forward E`, `traffic gradient(x) E`. `quantity` is `flops` or `traffic`."""

    quantity: str
    gradient_of: Name | None  # None: the forward phase
    value: Expr
    span: Span


@dataclass(frozen=True, slots=True)
class Saves:
    """`saves q, key, bytes 4 * size(l)` or `saves nothing`: what lives until the backward."""

    operands: tuple[Name, ...]
    extra_bytes: tuple[Expr, ...]
    span: Span


@dataclass(frozen=True, slots=True)
class Whole:
    """`whole d`: these indices are never cut."""

    names: tuple[Name, ...]
    span: Span


@dataclass(frozen=True, slots=True)
class Sum:
    """`sum k`: cutting these leaves partial sums in the results."""

    names: tuple[Name, ...]
    span: Span


@dataclass(frozen=True, slots=True)
class Tie:
    """`tie c to b, s`: an axis that cuts `b` or `s` cuts `c` too, and nothing else does."""

    name: Name
    to: tuple[Name, ...]
    span: Span


@dataclass(frozen=True, slots=True)
class Across:
    """`across v all_reduce E`: cutting `v` costs an all-reduce of E bytes, forward and backward."""

    name: Name
    collective: Name
    bytes: Expr
    span: Span


@dataclass(frozen=True, slots=True)
class Kind:
    """`kind matmul(a[i..], b[j..]) -> y[k..] { ... }`."""

    name: Name
    operands: tuple[Formal, ...]
    results: tuple[Formal, ...]
    items: tuple[Engine | Formula | Saves | Whole | Sum | Tie | Across, ...]
    doc: str
    span: Span
