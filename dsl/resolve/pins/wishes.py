"""Pins, orders and limits: direct ones, and those that `apply` takes from strategies."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from dsl import spec, syntax
from dsl.diagnostic import Label
from dsl.resolve import units
from dsl.resolve.arguments import bind_arguments, substitute
from dsl.resolve.expressions import evaluate
from dsl.resolve.fields import measure
from dsl.resolve.modules import Module
from dsl.resolve.pins.orders import Room, runs_before
from dsl.resolve.pins.quantities import QUANTITIES, Quantity, known_quantity, rate
from dsl.resolve.pins.requirements import requirements
from dsl.resolve.pins.selectors import select
from dsl.resolve.pins.targets import Model, PinContext
from dsl.resolve.report import POISONED, RejectedError, Reporter, attempt
from dsl.resolve.values import Environment, Names
from dsl.span import Span

MAX_APPLY_DEPTH = 30


def source_text(source: str, span: Span) -> str:
    """The text of a span of a file, white space collapsed."""
    lines = source.split("\n")[span.line - 1 : span.end_line]
    if not lines:
        return ""
    lines[-1] = lines[-1][: span.end_column - 1]
    lines[0] = lines[0][span.column - 1 :]
    return " ".join(" ".join(lines).split())


@dataclass(frozen=True, slots=True)
class Place:
    """Where a wish stands: the module and its source, the values in sight, and how it got here."""

    module: Module
    names: Names
    via: tuple[Span, ...] = ()
    weight: float | None = None


@dataclass(slots=True)
class Wishes:
    """Collects pins and limits in the order they are written. `model` or `room` None: what they
    depend on has errors."""

    mesh: spec.Mesh
    model: Model | None
    stages: int | None
    room: Room | None
    objective: Quantity
    report: Reporter
    pins: list[spec.Pin] = field(default_factory=list)
    limits: list[spec.Limit] = field(default_factory=list)

    def take(self, item: syntax.Statement, place: Place) -> None:
        """A pin, order, limit or apply; others are no wishes. A rejected one is skipped."""
        match item:
            case syntax.Pin():
                attempt(self._pin, item, place)
            case syntax.Order():
                attempt(self._order, item, place)
            case syntax.Limit():
                attempt(self._limit, item, place)
            case syntax.Apply():
                attempt(self._apply, item, place)

    def _pin(self, item: syntax.Pin, place: Place) -> None:
        weight = place.weight if item.weight is None else self._weight(item.weight, place)
        nodes = None
        if self.model is not None:
            selector = substitute(item.selector, place.names, self.report)
            nodes = select(selector, self.model.roots, place.names, self.report)
        context = PinContext(
            targets=self.model.targets(nodes) if self.model and nodes else None,
            selector=item.selector,
            mesh=self.mesh,
            stages=self.stages,
            is_forbid=item.is_forbid,
            names=place.names,
            report=self.report,
        )
        soft: Literal["hard", "soft"] = "hard" if weight is None else "soft"
        self.pins.append(
            spec.Pin(
                text=source_text(place.module.file.source, item.span),
                kind="forbid" if item.is_forbid else soft,
                requirements=requirements(item.parts, context),
                weight=weight,
                span=item.span,
                via=place.via,
            )
        )

    def _order(self, item: syntax.Order, place: Place) -> None:
        weight = place.weight if item.weight is None else self._weight(item.weight, place)
        if self.room is None:
            raise RejectedError("order")
        self.pins.append(
            spec.Pin(
                text=source_text(place.module.file.source, item.span),
                kind="hard" if weight is None else "soft",
                requirements=runs_before(item, self.room, place.names, self.report),
                weight=weight,
                span=item.span,
                via=place.via,
            )
        )

    def _weight(self, expr: syntax.Expr, place: Place) -> float:
        dimension = QUANTITIES[self.objective]
        what = f"a weight, where `{self.objective}` is minimised,"
        return measure(expr, dimension, place.names, self.report, what)

    def _limit(self, item: syntax.Limit, place: Place) -> None:
        quantity = known_quantity(item.quantity, self.report)
        dimension = QUANTITIES[quantity]
        what = f"a limit on `{quantity}`"
        value = measure(item.value, dimension, place.names, self.report, what, positive=True)
        reserve = 0.0
        if item.reserve is not None:
            if quantity != "memory":
                message = "only a limit on `memory` has a reserve"
                raise self.report.error("MMP414", message, item.reserve.span)
            reserve = measure(item.reserve, units.BYTES, place.names, self.report, "a reserve")
            if reserve >= value:
                message = "the reserve leaves nothing of the limit"
                label = Label(item.value.span, "the limit")
                hint = "a reserve is the part of the limit that plans leave unused"
                raise self.report.error("MMP206", message, item.reserve.span, label, hint=hint)
        weight = None
        if item.weight is not None:
            weight = rate(item.weight, quantity, self.objective, place.names, self.report)
        text = source_text(place.module.file.source, item.span)
        self.limits.append(spec.Limit(text, quantity, value, reserve, item.span, weight))

    def _apply(self, item: syntax.Apply, place: Place) -> None:
        home, strategy = place.module.declaration(item.strategy, syntax.Strategy)
        if len(place.via) >= MAX_APPLY_DEPTH:
            message = f"`{item.strategy.dotted}` is applied inside itself without end"
            raise self.report.error("MMP113", message, item.strategy.span)
        weight = place.weight if item.weight is None else self._weight(item.weight, place)
        names = Environment(home)
        with self.report.within(item.span, "applied here", everywhere=True):
            bind_arguments(
                strategy.parameters, item.arguments, place.names, names, item.span, self.report
            )
            inner = Place(home, names, (item.span, *place.via), weight)
            for statement in strategy.items:
                if isinstance(statement, syntax.Let):
                    attempt(self._let, statement, names)
                else:
                    self.take(statement, inner)

    def _let(self, statement: syntax.Let, names: Environment) -> None:
        value = attempt(evaluate, statement.value, names, self.report)
        names.define(statement.name, POISONED if value is None else value, self.report)
