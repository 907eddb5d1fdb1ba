"""The names of plan statements: meshes, instances, settings, pins, limits, strategies."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from dsl.editor.definitions import Definition, Scope
from dsl.editor.expressions import (
    Seen,
    arguments,
    expression,
    name_span,
    named,
    over,
    parameters,
    selected,
    subscripts,
)
from dsl.editor.models import scope_of
from dsl.editor.modules import lookup
from dsl.syntax import (
    Apply,
    Cut,
    Device,
    Instance,
    Let,
    Limit,
    Link,
    Mesh,
    MeshAxis,
    Model,
    Name,
    OnStage,
    Order,
    Pin,
    PinPart,
    Range,
    Selector,
    Split,
    Stored,
    Strategy,
    Train,
    TrainItem,
    WholePart,
)

_PATH_SETTINGS = ("optimizer", "precision")


def mesh(statement: Mesh, seen: Seen) -> None:
    """The mesh, its axes and devices."""
    seen.define(statement.name, "mesh", statement)
    devices = [] if statement.device is None else [named(statement.device, seen)]
    for axis in statement.axes:
        expression(axis.size, None, seen)
        for run in axis.runs:
            expression(run.count, None, seen)
            devices.append(named(run.device, seen))
    for axis in statement.axes:
        seen.axes[axis.name.text] = seen.define(axis.name, "axis", axis)
        _link(axis, devices, seen)


def _link(axis: MeshAxis, devices: Sequence[Definition | None], seen: Seen) -> None:
    for device in devices:
        if axis.link is None or device is None or not isinstance(device.node, Device):
            continue
        for link in device.node.items:
            if isinstance(link, Link) and link.name.text == axis.link.text:
                seen.see(axis.link.span, _in(device, link.name, "link", link))
                return


def _in(owner: Definition, name: Name, sort: str, node: object) -> Definition:
    return Definition(name.text, sort, owner.place, name.span, "", node, owner.module)


def instance(statement: Instance, seen: Seen) -> None:
    """`model net = ...`: the head of the paths of its operators."""
    found = seen.define(statement.name, "model", statement)
    called = named(statement.model, seen)
    arguments(statement.arguments, called, None, seen)
    seen.instances.members[statement.name.text] = found
    if called is not None and isinstance(called.node, Model) and called.module is not None:
        later = partial(scope_of, called.module, called.node, frozenset())
        seen.instances.models[statement.name.text] = later


def train(statement: Train, seen: Seen) -> None:
    """Training settings."""
    for item in statement.items:
        if item.key.text in _PATH_SETTINGS:
            _setting(item, seen)
        else:
            expression(item.value, None, seen)
        _range(item.range, seen)
        over(item.axes, None, seen)


def _setting(item: TrainItem, seen: Seen) -> None:
    """`optimizer adamw` means a declaration of that sort, which may have the name of another."""
    if not isinstance(item.value, Selector):
        return
    segments = item.value.segments
    found = lookup(seen.module, segments[0].glob)
    if len(segments) == 1 and (found is None or found.sort != item.key.text):
        inner = (lookup(other, segments[0].glob) for other in seen.module.prelude)
        found = next((f for f in inner if f is not None and f.sort == item.key.text), None)
        seen.see(name_span(segments[0]), found)
    else:
        named(item.value, seen)


def _range(given: Range | None, seen: Seen, scope: Scope | None = None) -> None:
    if given is not None:
        expression(given.low, scope, seen)
        expression(given.high, scope, seen)


def wish(statement: Pin | Order | Limit | Apply | Let, scope: Scope | None, seen: Seen) -> None:
    """A pin, an order, a limit or an applied strategy; `scope` is that of a strategy around it."""
    match statement:
        case Pin():
            _pin(statement, scope, seen)
        case Order(before=before, after=after, weight=weight):
            for place in (before, after):
                for part in (place.microbatch, place.stage, place.chunk):
                    expression(part, scope, seen)
            expression(weight, scope, seen)
        case Limit(value=value, reserve=reserve, weight=rate):
            expression(value, scope, seen)
            expression(reserve, scope, seen)
            expression(rate.value if rate is not None else None, scope, seen)
        case Apply(strategy=strategy, arguments=given, weight=weight):
            arguments(given, named(strategy, seen), scope, seen)
            expression(weight, scope, seen)
        case Let(name=name, value=value, doc=doc) if scope is not None:
            expression(value, scope, seen)
            scope.values[name.text] = seen.define(name, "constant", statement, doc)


def _pin(statement: Pin, scope: Scope | None, seen: Seen) -> None:
    subscripts(statement.selector, scope, seen)
    head = statement.selector.segments[0]
    local = scope.value(head.glob) if scope is not None else None
    targets: list[tuple[Definition, Scope]] = []
    if local is not None:
        seen.see(name_span(head), local)
    else:
        targets = selected(statement.selector, seen.instances, seen)
    for part in statement.parts:
        _part(part, targets, scope, seen)
    expression(statement.weight, scope, seen)


def _part(
    part: PinPart, targets: Sequence[tuple[Definition, Scope]], scope: Scope | None, seen: Seen
) -> None:
    match part:
        case Cut(index=index, axes=axes):
            seen.see(index.span, _index(index.text, targets))
            over(axes, scope, seen)
        case WholePart(index=index):
            seen.see(index.span, _index(index.text, targets))
        case Split(degrees=degrees):
            for index, _ in degrees:
                seen.see(index.span, _index(index.text, targets))
        case Stored(axes=axes):
            over(axes, scope, seen)
        case OnStage(where=Range() as where):
            _range(where, seen, scope)


def _index(name: str, targets: Sequence[tuple[Definition, Scope]]) -> Definition | None:
    """The index of that name of any of the targets, or of what is in them."""
    for definition, scope in targets:
        below = scope.inside(definition.name)
        found = scope.index(name) or (_within(name, below) if below is not None else None)
        if found is not None:
            return found
    return None


def _within(name: str, scope: Scope) -> Definition | None:
    if (found := scope.index(name)) is not None:
        return found
    for member in scope.members:
        below = scope.inside(member)
        if below is not None and (found := _within(name, below)) is not None:
            return found
    return None


def strategy(statement: Strategy, seen: Seen) -> None:
    """A library of wishes."""
    scope = Scope()
    parameters(statement.parameters, scope, seen)
    for item in statement.items:
        wish(item, scope, seen)
