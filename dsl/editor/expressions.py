"""The names in expressions, arguments and references."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

from dsl.editor.definitions import Definition, Occurrence, Scope
from dsl.editor.modules import lookup, qualified
from dsl.resolve.modules import Module
from dsl.span import Span
from dsl.syntax import (
    Argument,
    AxesGroup,
    AxisName,
    Binary,
    Call,
    Expr,
    Name,
    Parameter,
    Segment,
    Selector,
    Unary,
)


@dataclass(slots=True)
class Seen:
    """The occurrences found in a file so far; `axes` are those of its mesh, `instances` the scopes
    of its models, by name; `around` is where the models begin that are being walked."""

    module: Module
    around: frozenset[Span] = frozenset()
    occurrences: list[Occurrence] = field(default_factory=list)
    axes: dict[str, Definition] = field(default_factory=dict)
    instances: Scope = field(default_factory=Scope)

    def see(self, span: Span, definition: Definition | None) -> None:
        """A name stands there; None: nobody knows for what."""
        if definition is not None:
            self.occurrences.append(Occurrence(span, definition))

    def define(self, name: Name, sort: str, node: object, doc: str = "") -> Definition:
        """A name is given a meaning there."""
        found = Definition(name.text, sort, self.module.place, name.span, doc, node, self.module)
        self.see(name.span, found)
        return found

    def find(self, name: str, scope: Scope | None) -> Definition | None:
        """A simple name in an expression: of the scope, of the mesh or of the file."""
        local = scope.value(name) if scope is not None else None
        found = local or self.instances.members.get(name) or lookup(self.module, name)
        return found or self.axes.get(name)


def name_span(segment: Segment) -> Span:
    """Where the name of a step stands, without its subscript."""
    span = segment.span
    return Span(span.file, span.line, span.column, span.line, span.column + len(segment.glob))


def expression(expr: Expr | None, scope: Scope | None, seen: Seen) -> None:
    """Everything that an expression names."""
    match expr:
        case Selector():
            reference(expr, scope, seen)
        case Unary(operand=operand):
            expression(operand, scope, seen)
        case Binary(left=left, right=right):
            expression(left, scope, seen)
            expression(right, scope, seen)
        case Call(arguments=arguments):
            for argument in arguments:
                expression(argument, scope, seen)
        case AxesGroup(axes=axes):
            over(axes, scope, seen)


def reference(path: Selector, scope: Scope | None, seen: Seen) -> None:
    """A dotted name or selector in an expression: a value, what a module holds, a part of a model,
    or a mesh axis."""
    subscripts(path, scope, seen)
    head, *rest = path.segments
    found = seen.find(head.glob, scope)
    seen.see(name_span(head), found)
    if found is None or not rest:
        return
    if found.sort == "module":
        named(path, seen)
    elif (inner := seen.instances.members.get(head.glob)) is not None and inner == found:
        selected(path, seen.instances, seen)


def named(path: Selector, seen: Seen) -> Definition | None:
    """A name of this file or `module.name`; what the whole of it stands for."""
    names = [segment.glob for segment in path.segments]
    found = qualified(seen.module, names)
    for segment, definition in zip(path.segments, found, strict=False):
        if not any(o.span == name_span(segment) for o in seen.occurrences[-2:]):
            seen.see(name_span(segment), definition)
    return found[-1] if len(found) == len(names) else None


def subscripts(path: Selector, scope: Scope | None, seen: Seen) -> None:
    """The names in `[first..last]`."""
    for segment in path.segments:
        if isinstance(segment.subscript, tuple):
            for low, high in segment.subscript:
                expression(low, scope, seen)
                expression(high, scope, seen)


def over(axes: Sequence[AxisName], scope: Scope | None, seen: Seen) -> None:
    """Mesh axes; in a strategy also its own parameters."""
    for axis in axes:
        local = scope.value(axis.name.text) if scope is not None else None
        seen.see(axis.name.span, local or seen.axes.get(axis.name.text))


def parameters(given: Sequence[Parameter], scope: Scope, seen: Seen) -> None:
    """The parameters of a model or strategy: their names inside, and labels for callers."""
    for parameter in given:
        expression(parameter.default, scope, seen)
        scope.values[parameter.name.text] = seen.define(parameter.name, "parameter", parameter)
        if parameter.label is not None:
            seen.define(parameter.label, "label", parameter)


def arguments(
    given: Sequence[Argument], called: Definition | None, scope: Scope | None, seen: Seen
) -> None:
    """Arguments, with their labels as those of the called model or strategy."""
    for argument in given:
        expression(argument.value, scope, seen)
        if argument.label is not None and called is not None:
            seen.see(argument.label.span, label_of(called, argument.label.text))


def label_of(called: Definition, label: str) -> Definition | None:
    """The parameter of a model or strategy that callers call so."""
    for parameter in getattr(called.node, "parameters", ()):
        name = parameter.label or parameter.name
        if name.text == label and called.module is not None:
            sort = "label" if parameter.label else "parameter"
            place = called.module.place
            return Definition(label, sort, place, name.span, "", parameter, called.module)
    return None


def selected(path: Selector, roots: Scope, seen: Seen) -> list[tuple[Definition, Scope]]:
    """What a path with globs selects, each with the scope it stands in; its names are seen."""
    level: list[tuple[Definition | None, Scope]] = [(None, roots)]
    for segment in path.segments:
        level = [found for entry in level for found in _step(segment, entry)]
        if not level:
            return []
        first = level[0][0]
        if "*" not in segment.glob:
            seen.see(name_span(segment), first)
    return [(definition, scope) for definition, scope in level if definition is not None]


def _step(
    segment: Segment, entry: tuple[Definition | None, Scope]
) -> Iterator[tuple[Definition | None, Scope]]:
    """The members of what was reached so far that a segment matches."""
    definition, scope = entry
    below = scope.inside(definition.name) if definition is not None else scope
    if below is None:
        return
    if segment.glob == "**":
        yield entry
        yield from _deep(below)
        return
    for name, member in below.members.items():
        if fnmatchcase(name, segment.glob):
            yield member, below


def _deep(scope: Scope) -> Iterator[tuple[Definition | None, Scope]]:
    for name, member in scope.members.items():
        yield member, scope
        if (below := scope.inside(name)) is not None:
            yield from _deep(below)
