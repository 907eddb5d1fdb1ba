"""The offers of one file, from its syntax tree: nothing is resolved."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import takewhile

from dsl import syntax
from dsl.resolve.arguments import outer_name
from dsl.resolve.pins.wishes import source_text
from dsl.span import Span
from solver.catalogue.offers import Module, Offer, Parameter

Declaration = (
    syntax.Let
    | syntax.Device
    | syntax.PhysicsSet
    | syntax.Optimizer
    | syntax.Precision
    | syntax.Kind
    | syntax.Model
    | syntax.Strategy
)

_SORTS: dict[type, str] = {
    syntax.Let: "let",
    syntax.Device: "device",
    syntax.PhysicsSet: "physics",
    syntax.Optimizer: "optimizer",
    syntax.Precision: "precision",
    syntax.Kind: "kind",
    syntax.Model: "model",
    syntax.Strategy: "strategy",
}


def module_of(name: str, file: syntax.File) -> Module:
    """What a file declares. `name` is how imports call it."""
    versions = [s.version for s in file.statements if isinstance(s, syntax.Language)]
    return Module(
        name,
        file.path,
        _opening(file.source),
        versions[0] if versions else None,
        tuple(_settings(file)),
        tuple(_offers(file)),
    )


def _settings(file: syntax.File) -> Iterator[Parameter]:
    for statement in file.statements:
        if isinstance(statement, syntax.ParamStmt):
            yield _parameter(statement.parameter, file, statement.doc)


def _offers(file: syntax.File) -> Iterator[Offer]:
    for statement in file.statements:
        if not isinstance(statement, Declaration):
            continue
        yield Offer(
            statement.name.text,
            _SORTS[type(statement)],
            _signature(statement, file),
            statement.doc,
            tuple(_parameter(p, file) for p in _parameters(statement)),
            file.path,
            statement.span.line,
        )


def _parameters(statement: Declaration) -> Sequence[syntax.Parameter]:
    match statement:
        case syntax.Model() | syntax.Strategy():
            return statement.parameters
    return ()


def _signature(statement: Declaration, file: syntax.File) -> str:
    """The head of a declaration: all before its braces or its value."""
    text = source_text(file.source, statement.span)
    match statement:
        case syntax.Let():
            return text.removeprefix("let ")
        case syntax.Kind():
            return text.partition("{")[0].removeprefix("kind ").strip()
        case syntax.Model() | syntax.Strategy():
            shown = (source_text(file.source, p.span) for p in statement.parameters)
            return f"{statement.name.text}({', '.join(shown)})"
    return statement.name.text


def _parameter(parameter: syntax.Parameter, file: syntax.File, doc: str = "") -> Parameter:
    default = ""
    if parameter.default is not None:
        whole, start = parameter.span, parameter.default.span
        span = Span(whole.file, start.line, start.column, whole.end_line, whole.end_column)
        default = source_text(file.source, span)
    return Parameter(outer_name(parameter).text, parameter.type.text, default, doc)


def _opening(source: str) -> str:
    """The comment that a file begins with, up to its first empty line."""
    lines = (line.strip() for line in source.splitlines())
    comment = takewhile(lambda line: line.startswith("//") and not line.startswith("///"), lines)
    words = takewhile(bool, (line.removeprefix("//").strip() for line in comment))
    return "\n".join(words)
