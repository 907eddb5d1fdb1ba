"""Evaluating expressions: numbers with dimensions, booleans and strings."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from fractions import Fraction

from dsl.resolve.report import Poisoned, RejectedError, Reporter
from dsl.resolve.units import PLAIN, UNITS, Dimension, unit_hint
from dsl.resolve.values import LARGEST, AxesValue, Names, Number, Value, describe, whole_number
from dsl.span import Span
from dsl.suggest import did_you_mean
from dsl.syntax import AxesGroup, Binary, Call, Expr, Quantity, Selector, Text, Unary

FUNCTIONS = ("min", "max", "ceil", "floor")

_COMPARE: dict[str, Callable[[int | float, int | float], bool]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


def evaluate(expr: Expr, names: Names, report: Reporter) -> Value:
    """The value of an expression; RejectedError once its mistake is reported.

    Reports MMP101 (unknown name), MMP201 (unit), MMP202 (dimension), MMP203 (type), MMP204
    (division by zero), MMP205 (too large) and MMP209 (function).
    """
    match expr:
        case Quantity():
            return quantity(expr, report)
        case Text():
            return expr.value
        case Selector():
            return _reference(expr, names, report)
        case Unary():
            return _unary(expr, names, report)
        case Binary():
            return _binary(expr, names, report)
        case Call():
            return _call(expr, names, report)
        case AxesGroup():
            return AxesValue(expr.axes)


def number(expr: Expr, names: Names, report: Reporter) -> Number:
    """An expression that must be a number (of any dimension)."""
    return _number(evaluate(expr, names, report), expr.span, report)


def integer(expr: Expr, names: Names, report: Reporter, least: int, what: str) -> int:
    """An expression that must be a whole number of at least `least` (MMP206)."""
    value = whole_number(evaluate(expr, names, report), expr.span, report)
    if value < least:
        message = f"{what} must be at least {least}, found {value}"
        raise report.error("MMP206", message, expr.span)
    return value


def truth(expr: Expr, names: Names, report: Reporter) -> bool:
    """An expression that must be true or false."""
    value = evaluate(expr, names, report)
    if not isinstance(value, bool):
        message = f"expected true or false, found {describe(value)}"
        raise report.error("MMP203", message, expr.span)
    return value


def quantity(expr: Quantity, report: Reporter) -> Number:
    """A literal in base units, exact where the result is a whole number."""
    unit = UNITS.get(expr.unit)
    if unit is None:
        message = f"unknown unit `{expr.unit}`"
        raise report.error("MMP201", message, expr.span, hint=unit_hint(expr.unit))
    if expr.value > LARGEST:
        raise _too_large(expr.span, report)
    if expr.is_integer and not expr.unit:
        return Number(int(expr.value))
    exact = Fraction(repr(expr.value)) * unit.factor
    value = exact.numerator if exact.denominator == 1 else float(exact)
    return _bounded(value, unit.dimension, expr.span, report)


def _bounded(value: int | float, dimension: Dimension, span: Span, report: Reporter) -> Number:
    if not abs(value) <= LARGEST:
        raise _too_large(span, report)
    return Number(value, dimension)


def _too_large(span: Span, report: Reporter) -> RejectedError:
    return report.error("MMP205", f"this value is larger than {float(LARGEST):.0e}", span)


def _number(value: Value, span: Span, report: Reporter) -> Number:
    if not isinstance(value, Number):
        raise report.error("MMP203", f"expected a number, found {describe(value)}", span)
    return value


def _reference(expr: Selector, names: Names, report: Reporter) -> Value:
    if not expr.is_plain:
        raise report.error("MMP203", "expected a value, found a selector", expr.span)
    text = expr.dotted
    if text in ("true", "false"):
        return text == "true"
    found = names.find(text)
    if isinstance(found, Poisoned):
        raise RejectedError(text)
    if found is None:
        hint = did_you_mean(text, names.visible())
        raise report.error("MMP101", f"unknown name `{text}`", expr.span, hint=hint)
    return found


def _unary(expr: Unary, names: Names, report: Reporter) -> Value:
    if expr.operator == "not":
        return not truth(expr.operand, names, report)
    value = number(expr.operand, names, report)
    return Number(-value.value, value.dimension)


def _binary(expr: Binary, names: Names, report: Reporter) -> Value:
    if expr.operator in ("and", "or"):
        left_true = truth(expr.left, names, report)
        if left_true == (expr.operator == "or"):
            return left_true
        return truth(expr.right, names, report)
    if expr.operator in ("==", "!="):
        return _equality(expr, names, report)
    left, right = number(expr.left, names, report), number(expr.right, names, report)
    if expr.operator in _COMPARE:
        _same_dimension(expr, left, right, report)
        return _COMPARE[expr.operator](left.value, right.value)
    return _arithmetic(expr, left, right, report)


def _equality(expr: Binary, names: Names, report: Reporter) -> bool:
    left, right = evaluate(expr.left, names, report), evaluate(expr.right, names, report)
    if isinstance(left, Number) and isinstance(right, Number):
        _same_dimension(expr, left, right, report)
        return _COMPARE[expr.operator](left.value, right.value)
    if type(left) is not type(right):
        message = f"cannot compare {describe(left)} with {describe(right)}"
        raise report.error("MMP203", message, expr.span)
    return (left == right) == (expr.operator == "==")


def _same_dimension(expr: Binary, left: Number, right: Number, report: Reporter) -> None:
    if left.dimension != right.dimension:
        message = f"`{expr.operator}` of {left.dimension} and {right.dimension}"
        raise report.error("MMP202", message, expr.span)


def _arithmetic(expr: Binary, left: Number, right: Number, report: Reporter) -> Number:
    match expr.operator:
        case "+" | "-":
            _same_dimension(expr, left, right, report)
            value = left.value + right.value if expr.operator == "+" else left.value - right.value
            return _bounded(value, left.dimension, expr.span, report)
        case "*":
            dimension = left.dimension.times(right.dimension)
            return _bounded(left.value * right.value, dimension, expr.span, report)
    if right.value == 0:
        raise report.error("MMP204", "division by zero", expr.right.span)
    if expr.operator == "/":
        dimension = left.dimension.over(right.dimension)
        return _bounded(_divide(left.value, right.value), dimension, expr.span, report)
    _same_dimension(expr, left, right, report)
    return Number(left.value % right.value, left.dimension)


def _divide(left: int | float, right: int | float) -> int | float:
    """Exact where both are whole and it comes out even, so that index sizes stay integers."""
    if isinstance(left, int) and isinstance(right, int) and left % right == 0:
        return left // right
    return left / right


def check_call(expr: Call, functions: tuple[str, ...], report: Reporter) -> None:
    """The function is known and takes that many arguments; Errors (MMP209) otherwise."""
    name, count = expr.function.text, len(expr.arguments)
    if name not in functions:
        hint = did_you_mean(name, functions)
        message = f"unknown function `{name}`"
        raise report.error("MMP209", message, expr.function.span, hint=hint)
    if name in ("min", "max"):
        if count < 2:
            message = f"`{name}` takes two arguments or more, found {count}"
            raise report.error("MMP209", message, expr.span)
    elif count != 1:
        raise report.error("MMP209", f"`{name}` takes one argument, found {count}", expr.span)


def _call(expr: Call, names: Names, report: Reporter) -> Number:
    check_call(expr, FUNCTIONS, report)
    values = [number(argument, names, report) for argument in expr.arguments]
    first = values[0]
    if expr.function.text in ("ceil", "floor"):
        if first.dimension != PLAIN:
            message = f"`{expr.function.text}` takes a plain number, found {first.dimension}"
            raise report.error("MMP202", message, expr.span)
        rounded = math.ceil if expr.function.text == "ceil" else math.floor
        return Number(rounded(first.value))
    for value, argument in zip(values, expr.arguments, strict=True):
        if value.dimension != first.dimension:
            message = f"`{expr.function.text}` of {first.dimension} and {value.dimension}"
            raise report.error("MMP202", message, argument.span)
    choose = min if expr.function.text == "min" else max
    return Number(choose(value.value for value in values), first.dimension)
