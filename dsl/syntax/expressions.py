"""Names, quantities, selectors and expressions, arguments and parameters."""

from __future__ import annotations

from dataclasses import dataclass

from dsl.span import Span


@dataclass(frozen=True, slots=True)
class Name:
    """An identifier where it was written."""

    text: str
    span: Span


# ---- expressions ---------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Quantity:
    """A number with an optional unit, as written: `72 GiB`, `0.5`, `4`, `25 %`."""

    value: float
    is_integer: bool
    unit: str  # "" when there is none
    span: Span


@dataclass(frozen=True, slots=True)
class Text:
    """A quoted string."""

    value: str
    span: Span


@dataclass(frozen=True, slots=True)
class Segment:
    """One step of a selector: a name or glob, with an optional subscript.

    `glob` is the name as written and may hold `*` (any characters of one segment) or be `**`
    (any number of segments). `subscript` is None when there is no `[...]`, the string `"*"`, or a
    tuple of inclusive ranges.
    """

    glob: str
    subscript: str | tuple[tuple[Expr, Expr], ...] | None
    span: Span


@dataclass(frozen=True, slots=True)
class Selector:
    """A path with globs, `net.layers[*].mlp.down`; also any plain dotted or simple name."""

    segments: tuple[Segment, ...]
    span: Span

    @property
    def is_plain(self) -> bool:
        """True when this is only names joined by dots."""
        return all(s.subscript is None and "*" not in s.glob for s in self.segments)

    @property
    def dotted(self) -> str:
        """The names joined by dots (meaningful for plain selectors)."""
        return ".".join(s.glob for s in self.segments)


@dataclass(frozen=True, slots=True)
class Unary:
    """`-x` or `not x`."""

    operator: str
    operand: Expr
    span: Span


@dataclass(frozen=True, slots=True)
class Binary:
    """`+ - * / %`, comparisons `== != < <= > >=`, `and`, `or`."""

    operator: str
    left: Expr
    right: Expr
    span: Span


@dataclass(frozen=True, slots=True)
class Call:
    """`min(a, b)`, `max`, `ceil`, `floor`, and in kind formulas `size(x)`, `bytes(x)`."""

    function: Name
    arguments: tuple[Expr, ...]
    span: Span


@dataclass(frozen=True, slots=True)
class AxisName:
    """A mesh axis (`gpu`) or one of its prime sub-axes (`gpu.0`)."""

    name: Name
    part: int | None
    span: Span


@dataclass(frozen=True, slots=True)
class AxesGroup:
    """`(node, gpu)` as an argument."""

    axes: tuple[AxisName, ...]
    span: Span


Expr = Quantity | Text | Selector | Unary | Binary | Call | AxesGroup


@dataclass(frozen=True, slots=True)
class Argument:
    """`value` or `label: value`."""

    label: Name | None
    value: Expr
    span: Span


@dataclass(frozen=True, slots=True)
class Parameter:
    """`[label] name: type [= default]`; callers use `label` where there is one."""

    label: Name | None
    name: Name
    type: Name
    default: Expr | None
    span: Span
