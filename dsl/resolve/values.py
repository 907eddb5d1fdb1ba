"""What an expression evaluates to, and the parameter types of the language."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

from dsl.diagnostic import Label
from dsl.resolve import units
from dsl.resolve.report import Poisoned, Reporter
from dsl.resolve.units import PLAIN, Dimension
from dsl.span import Span
from dsl.suggest import did_you_mean
from dsl.syntax import AxisName, Name, Selector

LARGEST = 10**24
"""Nothing in a plan is larger; beyond this a value is a slip and would only overflow later."""


@dataclass(frozen=True, slots=True)
class Number:
    """A number with a dimension, in base units. Whole numbers stay exact integers."""

    value: int | float
    dimension: Dimension = PLAIN


@dataclass(frozen=True, slots=True)
class PathValue:
    """A selector passed to a strategy; `apply` substitutes it for the parameter's name."""

    selector: Selector


@dataclass(frozen=True, slots=True)
class AxesValue:
    """Mesh axes passed to a strategy."""

    axes: tuple[AxisName, ...]


Value = Number | bool | str | PathValue | AxesValue


class Names(Protocol):
    """Where an expression looks up names."""

    def find(self, name: str) -> Value | Poisoned | None:
        """The value of a simple or dotted name, None when there is none."""

    def visible(self) -> Iterable[str]:
        """The names that could have been meant."""


class Environment:
    """Values of parameters and `let`s, in front of an outer scope."""

    __slots__ = ("_outer", "_values", "spans")

    def __init__(self, outer: Names) -> None:
        self._outer = outer
        self._values: dict[str, Value | Poisoned] = {}
        self.spans: dict[str, Span] = {}

    def find(self, name: str) -> Value | Poisoned | None:
        """The value here, or further out."""
        found = self._values.get(name)
        return self._outer.find(name) if found is None else found

    def visible(self) -> Iterable[str]:
        """Names here and further out."""
        return [*self._values, *self._outer.visible()]

    def define(self, name: Name, value: Value | Poisoned, report: Reporter) -> None:
        """Give a name its value here; an error when it has one here already."""
        first = self.spans.get(name.text)
        if first is not None:
            raise report.error(
                "MMP102",
                f"`{name.text}` is defined twice",
                name.span,
                Label(first, "first defined here"),
                hint="rename one of the two, or delete it",
            )
        self._values[name.text] = value
        self.spans[name.text] = name.span


DIMENSIONS: dict[str, Dimension] = {
    "float": PLAIN,
    "time": units.TIME,
    "bytes": units.BYTES,
    "bandwidth": units.BANDWIDTH,
    "rate": units.RATE,
}

TYPES = ("int", "bool", "string", "path", "axes", *DIMENSIONS)


def describe(value: Value) -> str:
    """What a value is, in words, for messages."""
    match value:
        case bool():
            return "true or false"
        case Number(dimension=dimension):
            return str(dimension)
        case str():
            return "a string"
        case PathValue():
            return "a path"
        case AxesValue():
            return "mesh axes"


def check_type(name: Name, report: Reporter) -> str:
    """The type a parameter declares; RejectedError when the language has no such type."""
    if name.text not in TYPES:
        raise report.error(
            "MMP207",
            f"unknown type `{name.text}`",
            name.span,
            hint=did_you_mean(name.text, TYPES) or f"types are {', '.join(TYPES)}",
        )
    return name.text


def convert(value: Value, type_name: str, span: Span, report: Reporter) -> Value:
    """The value as a parameter of that type takes it; Errors (MMP203) when it does not fit."""
    if type_name == "int":
        return Number(whole_number(value, span, report))
    if type_name in DIMENSIONS:
        wanted = DIMENSIONS[type_name]
        if isinstance(value, Number) and value.dimension == wanted:
            return value
        expected = str(wanted)
    else:
        kinds = {"bool": bool, "string": str, "path": PathValue, "axes": AxesValue}
        if isinstance(value, kinds[type_name]):
            return value
        expected = {"bool": "true or false", "string": "a string", "path": "a path"}.get(
            type_name, "mesh axes"
        )
    raise report.error("MMP203", f"expected {expected}, found {describe(value)}", span)


def whole_number(value: Value, span: Span, report: Reporter) -> int:
    """A dimensionless whole number; Errors (MMP203 or MMP206) otherwise."""
    if not isinstance(value, Number) or value.dimension != PLAIN:
        raise report.error("MMP203", f"expected a whole number, found {describe(value)}", span)
    if value.value != int(value.value):
        raise report.error("MMP206", f"expected a whole number, found {value.value:g}", span)
    return int(value.value)
