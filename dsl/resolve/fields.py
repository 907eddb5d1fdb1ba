"""Reading quantities of a required dimension and sign out of expressions."""

from __future__ import annotations

from dsl.resolve.expressions import evaluate
from dsl.resolve.report import Reporter
from dsl.resolve.units import EXAMPLES, PLAIN, Dimension
from dsl.resolve.values import Names, Number, describe
from dsl.syntax import Expr


def measure(
    expr: Expr,
    dimension: Dimension,
    names: Names,
    report: Reporter,
    what: str,
    *,
    positive: bool = False,
) -> float:
    """A quantity of that dimension in base units, at least 0 (above 0 when `positive`).

    Errors: MMP202 for another dimension, MMP203 for no number, MMP206 for the sign.
    """
    value = evaluate(expr, names, report)
    if not isinstance(value, Number):
        message = f"{what} must be {dimension}, found {describe(value)}"
        raise report.error("MMP203", message, expr.span, hint=_such_as(dimension))
    if value.dimension != dimension:
        message = f"{what} must be {dimension}, found {value.dimension}"
        raise report.error("MMP202", message, expr.span, hint=_such_as(dimension))
    if value.value < 0 or (positive and value.value == 0):
        least = "more than 0" if positive else "0 or more"
        raise report.error("MMP206", f"{what} must be {least}", expr.span)
    return float(value.value)


def _such_as(dimension: Dimension) -> str:
    return f"such as `{EXAMPLES[dimension]}`" if dimension in EXAMPLES else ""


def efficiency(expr: Expr | None, names: Names, report: Reporter) -> float:
    """The share of a peak rate that is reached: above 0 and at most 1; 1 when not given."""
    if expr is None:
        return 1.0
    value = measure(expr, PLAIN, names, report, "an efficiency", positive=True)
    if value > 1:
        message = f"an efficiency is at most 1, found {value:g}"
        raise report.error("MMP206", message, expr.span)
    return value
