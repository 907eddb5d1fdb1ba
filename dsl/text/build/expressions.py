"""Expressions, names and selectors."""

from __future__ import annotations

from dataclasses import replace

from dsl import syntax
from dsl.text.build.parts import (
    Children,
    Clause,
    clause,
    clauses,
    error,
    has,
    names,
    nodes,
    span_of,
    tokens,
    whole_number,
)
from dsl.text.lexer import Token

_ESCAPES = {"n": "\n", "t": "\t", '"': '"', "\\": "\\"}


class ExpressionRules:
    """Callbacks of the expression rules; each method is named after its rule."""

    def binary(self, children: Children) -> syntax.Binary:
        """`left operator right`."""
        left, operator, right = children
        return syntax.Binary(operator.text, left, right, span_of(children))

    def unary(self, children: Children) -> syntax.Unary:
        """`- operand` or `not operand`."""
        operator, operand = children
        return syntax.Unary(operator.text, operand, span_of(children))

    def quantity(self, children: Children) -> syntax.Quantity:
        """`NUMBER [UNIT]`; MMP014 for a number no float can hold."""
        number = children[0]
        unit = children[1].text if len(children) > 1 else ""
        value = float(number.text)
        if value == float("inf"):
            raise error("MMP014", "this number is too large", number.span)
        return syntax.Quantity(value, number.text.isdigit(), unit, span_of(children))

    def text(self, children: Children) -> syntax.Text:
        r"""`"..."` with the escapes `\n \t \" \\`; MMP015 for another."""
        token = children[0]
        value: list[str] = []
        characters = iter(token.text[1:-1])
        for character in characters:
            if character == "\\":
                escaped = next(characters)
                if escaped not in _ESCAPES:
                    message = f"unknown escape `\\{escaped}` in a string"
                    raise error("MMP015", message, token.span, 'known are `\\n \\t \\" \\\\`')
                character = _ESCAPES[escaped]
            value.append(character)
        return syntax.Text("".join(value), token.span)

    def call(self, children: Children) -> syntax.Call:
        """`name(argument, ...)`."""
        return syntax.Call(children[0].name(), nodes(children), span_of(children))

    def parenthesised(self, children: Children) -> syntax.Expr:
        """`(expression)`: grouping leaves no trace in the tree but the wider span."""
        inner: syntax.Expr = children[1]
        return replace(inner, span=span_of(children))

    def axes_group(self, children: Children) -> syntax.AxesGroup:
        """`(node, gpu)`; MMP016 when something in it is no axis."""
        axes = tuple(_axis(item) for item in nodes(children))
        return syntax.AxesGroup(axes, span_of(children))

    def segment(self, children: Children) -> syntax.Segment:
        """One step of a selector, with its subscript."""
        first: Token = children[0]
        if first.type == "NUMBER":  # `gpu.0`, a sub-axis
            whole_number(first, "the number of a sub-axis")
        return syntax.Segment(first.text, clause(children, "subscript"), span_of(children))

    def subscript(self, children: Children) -> Clause:
        """`[*]`, `[3]`, `[0, 4..7]`."""
        ranges = clauses(children, "subscript_range")
        return Clause("subscript", ranges if ranges else "*", span_of(children))

    def subscript_range(self, children: Children) -> Clause:
        """`low..high`, or one number for both."""
        ends = nodes(children)
        return Clause("subscript_range", (ends[0], ends[-1]), span_of(children))

    def reference(self, children: Children) -> syntax.Selector:
        """A name, a dotted name, or a selector written as an argument."""
        return syntax.Selector(nodes(children), span_of(children))

    selector = reference

    def path(self, children: Children) -> syntax.Selector:
        """Names joined by dots."""
        segments = tuple(syntax.Segment(n.text, None, n.span) for n in names(children))
        return syntax.Selector(segments, span_of(children))

    def arguments(self, children: Children) -> Clause:
        """`(argument, ...)`."""
        return Clause("arguments", nodes(children), span_of(children))

    def argument(self, children: Children) -> syntax.Argument:
        """`value` or `label: value`."""
        label = children[0].name() if has(children, "COLON") else None
        return syntax.Argument(label, children[-1], span_of(children))

    def axes(self, children: Children) -> Clause:
        """One mesh axis, or several in parentheses."""
        return Clause("axes", nodes(children), span_of(children))

    def axis(self, children: Children) -> syntax.AxisName:
        """`gpu` or `gpu.0`."""
        pieces = tokens(children)
        part = whole_number(pieces[2], "the number of a sub-axis") if len(pieces) > 2 else None
        return syntax.AxisName(pieces[0].name(), part, span_of(children))


def _axis(value: syntax.Expr) -> syntax.AxisName:
    """An axis read as an expression."""
    if isinstance(value, syntax.Selector) and value.is_plain and len(value.segments) <= 2:
        first, *rest = value.segments
        if not rest or rest[0].glob.isdigit():
            name = syntax.Name(first.glob, first.span)
            return syntax.AxisName(name, int(rest[0].glob) if rest else None, value.span)
    raise error(
        "MMP016", "expected the name of a mesh axis", value.span, "such as `gpu` or `gpu.0`"
    )
