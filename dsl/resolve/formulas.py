"""Cost formulas: a kind's expression over formal indices, bound to one operator's indices.

Products of extents and constants are folded into one `Extent`, so that what the solver
evaluates for every strategy stays small.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from dsl import syntax
from dsl.formula import Constant, Extent, Formula, Operation
from dsl.resolve.expressions import FUNCTIONS, check_call, quantity
from dsl.resolve.report import Poisoned, RejectedError, Reporter
from dsl.resolve.units import PLAIN, Dimension
from dsl.resolve.values import Names, Number
from dsl.span import Span
from dsl.suggest import did_you_mean


@dataclass(frozen=True, slots=True)
class Bindings:
    """What the names in a formula stand for.

    `indices`: formal index or group -> the operator's indices; `tensors`: formal operand or result
    -> its indices and bytes per element; `space`: all indices of the operator.
    """

    indices: Mapping[str, tuple[str, ...]]
    tensors: Mapping[str, tuple[tuple[str, ...], float]]
    space: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class FormulaBinder:
    """Turns expressions into formulas. `dimension` is that of the cost (FLOP or bytes): a literal
    in a formula is a plain number or has just that unit."""

    bindings: Bindings
    names: Names
    dimension: Dimension
    report: Reporter

    def bind(self, expr: syntax.Expr) -> Formula:
        """The formula. Errors: MMP101, MMP203, MMP204, MMP209 and MMP202."""
        match expr:
            case syntax.Quantity():
                return self._literal(quantity(expr, self.report), expr.span)
            case syntax.Selector():
                return self._reference(expr)
            case syntax.Call():
                return self._call(expr)
            case syntax.Unary(operator="-"):
                return _product(Constant(-1.0), self.bind(expr.operand))
            case syntax.Binary(operator="+" | "-" | "*" | "/"):
                return self._binary(expr)
        message = "a cost formula holds numbers, indices, `+ - * /` and functions"
        raise self.report.error("MMP203", message, expr.span)

    def _literal(self, value: Number, span: Span) -> Formula:
        if value.dimension not in (PLAIN, self.dimension):
            message = f"expected a plain number or {self.dimension}, found {value.dimension}"
            raise self.report.error("MMP202", message, span)
        return Constant(float(value.value))

    def _reference(self, expr: syntax.Selector) -> Formula:
        if not expr.is_plain:
            message = "expected the name of an index, found a selector"
            raise self.report.error("MMP203", message, expr.span)
        name = expr.dotted
        if name == "space":
            return Extent(self.bindings.space)
        if name in self.bindings.indices:
            return Extent(self.bindings.indices[name])
        if name in self.bindings.tensors:
            message = f"`{name}` is a tensor, not a number"
            hint = f"write `size({name})` or `bytes({name})`"
            raise self.report.error("MMP203", message, expr.span, hint=hint)
        found = self.names.find(name)
        if isinstance(found, Poisoned):
            raise RejectedError(name)
        if not isinstance(found, Number):
            known = [*self.bindings.indices, "space", *self.names.visible()]
            hint = did_you_mean(name, known)
            message = f"unknown index `{name}`"
            raise self.report.error("MMP101", message, expr.span, hint=hint)
        return self._literal(found, expr.span)

    def _call(self, expr: syntax.Call) -> Formula:
        check_call(expr, (*FUNCTIONS, "size", "bytes"), self.report)
        function = expr.function.text
        if function not in ("size", "bytes"):
            return Operation(function, tuple(self.bind(argument) for argument in expr.arguments))
        argument = expr.arguments[0]
        name = argument.dotted if isinstance(argument, syntax.Selector) else ""
        if name not in self.bindings.tensors:
            hint = did_you_mean(name, list(self.bindings.tensors))
            message = f"`{function}` takes an operand or result of this kind"
            raise self.report.error("MMP203", message, argument.span, hint=hint)
        indices, element_bytes = self.bindings.tensors[name]
        return Extent(indices, element_bytes if function == "bytes" else 1.0)

    def _binary(self, expr: syntax.Binary) -> Formula:
        left, right = self.bind(expr.left), self.bind(expr.right)
        match expr.operator:
            case "*":
                return _product(left, right)
            case "/":
                if not isinstance(right, Constant):
                    return Operation("/", (left, right))
                if right.value == 0:
                    raise self.report.error("MMP204", "division by zero", expr.right.span)
                return _product(left, Constant(1.0 / right.value))
            case "+":
                return total([left, right])
        return Operation("-", (left, right))


def _product(left: Formula, right: Formula) -> Formula:
    if isinstance(left, Operation) or isinstance(right, Operation):
        return Operation("*", (left, right))
    indices: tuple[str, ...] = ()
    scale = 1.0
    for factor in (left, right):
        if isinstance(factor, Constant):
            scale *= factor.value
        else:
            indices += factor.indices
            scale *= factor.scale
    return Extent(indices, scale) if indices else Constant(scale)


def total(terms: list[Formula]) -> Formula:
    """The sum, flat, with constants gathered."""
    flat: list[Formula] = []
    constants: list[float] = []
    for term in terms:
        parts = term.arguments if isinstance(term, Operation) and term.operator == "+" else (term,)
        for part in parts:
            if isinstance(part, Constant):
                constants.append(part.value)
            else:
                flat.append(part)
    constant = math.fsum(constants)
    if not flat:
        return Constant(constant)
    if constant:
        flat.append(Constant(constant))
    return flat[0] if len(flat) == 1 else Operation("+", tuple(flat))
