"""What can be minimised or limited, and what exceeding a soft limit costs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, cast

from dsl import syntax
from dsl.diagnostic import Label
from dsl.resolve import units
from dsl.resolve.expressions import evaluate
from dsl.resolve.report import RejectedError, Reporter
from dsl.resolve.units import UNITS, Dimension, unit_hint
from dsl.resolve.values import Names, Number, describe
from dsl.span import Span
from dsl.suggest import did_you_mean

Quantity = Literal["step_time", "memory"]

QUANTITIES: dict[str, Dimension] = {"step_time": units.TIME, "memory": units.BYTES}
"""Every quantity with its dimension (a pin's weight has that of the objective)."""

_NOUNS = {"step_time": "time", "memory": "size"}
_PRICES = {"step_time": "3 ms", "memory": "2 GiB"}
_UNITS = {"step_time": "s", "memory": "GiB"}


def known_quantity(name: syntax.Name, report: Reporter) -> Quantity:
    """The quantity of that name. Errors: MMP414."""
    if name.text not in QUANTITIES:
        hint = did_you_mean(name.text, QUANTITIES) or "known are " + ", ".join(QUANTITIES)
        message = f"unknown quantity `{name.text}`"
        raise report.error("MMP414", message, name.span, hint=hint)
    return cast(Quantity, name.text)


def objectives(statements: Sequence[syntax.Minimize], report: Reporter) -> tuple[Quantity, ...]:
    """What to minimise, in order; step_time when nothing is said. Errors: MMP414, MMP411."""
    if not statements:
        return ("step_time",)
    if len(statements) > 1:
        label = Label(statements[0].span, "first given here")
        raise report.error("MMP411", "`minimize` is given twice", statements[1].span, label)
    seen: dict[str, syntax.Name] = {}
    for name in statements[0].objectives:
        known_quantity(name, report)
        if name.text in seen:
            raise report.error("MMP411", f"`{name.text}` is named twice", name.span)
        seen[name.text] = name
    return tuple(cast(Quantity, name) for name in seen)


def rate(
    item: syntax.Rate, quantity: Quantity, objective: Quantity, names: Names, report: Reporter
) -> float:
    """The objective's base units that each base unit over a limit on `quantity` costs, at least 0.

    Errors: MMP202 for other dimensions or no unit at all, MMP203 for no number, MMP201 for an
    unknown unit, MMP206 for the sign.
    """
    wrong = _Wrong(quantity, objective, report)
    value = evaluate(item.value, names, report)
    if not isinstance(value, Number):
        raise wrong("MMP203", describe(value), item.value.span)
    if value.dimension != QUANTITIES[objective]:
        raise wrong("MMP202", str(value.dimension), item.value.span)
    if item.unit is None:
        raise wrong("MMP202", f"{value.dimension} alone", item.span)
    unit = UNITS.get(item.unit.text)
    if unit is None:
        message = f"unknown unit `{item.unit.text}`"
        raise report.error("MMP201", message, item.unit.span, hint=unit_hint(item.unit.text))
    if unit.dimension != QUANTITIES[quantity]:
        raise wrong("MMP202", f"`per {item.unit.text}`", item.unit.span)
    if value.value < 0:
        raise report.error("MMP206", "the weight of a limit must be 0 or more", item.value.span)
    return float(value.value) / float(unit.factor)


@dataclass(frozen=True, slots=True)
class _Wrong:
    """Reports a weight that does not fit what is limited and what is minimised."""

    quantity: Quantity
    objective: Quantity
    report: Reporter

    def __call__(self, code: str, found: str, span: Span) -> RejectedError:
        price, unit = _PRICES[self.objective], _UNITS[self.quantity]
        wanted = f"a {_NOUNS[self.objective]} per {_NOUNS[self.quantity]}"
        message = f"expected {wanted} such as `{price} per {unit} over`, found {found}"
        hint = f"the limit is on `{self.quantity}`, and `{self.objective}` is minimised"
        return self.report.error(code, message, span, hint=hint)
