"""Command-line overrides of top-level parameters: `-D nodes=8`."""

from __future__ import annotations

from collections.abc import Mapping

from dsl.resolve.arguments import argument_value
from dsl.resolve.files import OVERRIDES
from dsl.resolve.modules import Module
from dsl.resolve.report import RejectedError, Reporter
from dsl.resolve.values import Value
from dsl.span import Span
from dsl.suggest import did_you_mean
from dsl.syntax import Let, Parameter, ParamStmt
from dsl.text.parser import parse


def override_text(overrides: Mapping[str, str]) -> str:
    """What spans with the file `-D` point into: one override a line."""
    return "\n".join(_line(name, text) for name, text in overrides.items())


def take_overrides(overrides: Mapping[str, str], module: Module, report: Reporter) -> None:
    """Give the file's parameters their values. MMP111 for a name that is no parameter."""
    parameters = {
        statement.parameter.name.text: statement.parameter
        for statement in module.file.statements
        if isinstance(statement, ParamStmt)
    }
    given: dict[str, Value] = {}
    for number, (name, text) in enumerate(overrides.items()):
        line = number + 1
        parameter = parameters.get(name)
        if parameter is None:
            span = Span(OVERRIDES, line, 5, line, 5 + len(name))
            hint = did_you_mean(name, parameters) or _known(list(parameters))
            message = f"the spec has no parameter `{name}`"
            report.error("MMP111", message, span, hint=hint)
            continue
        try:
            given[name] = _value(parameter, name, text, line, module, report)
        except RejectedError:
            continue
    module.given = given


def _line(name: str, text: str) -> str:
    """How an override is shown. The prefix is as long as `let `, as which it is parsed."""
    return f"-D: {name}={_one_line(text)}"


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _known(parameters: list[str]) -> str:
    return "its parameters are " + ", ".join(parameters) if parameters else "it has none"


def _value(
    parameter: Parameter, name: str, text: str, line: int, module: Module, report: Reporter
) -> Value:
    """The value of an override, read as an expression; a string needs no quotes."""
    if parameter.type.text == "string" and not text.startswith('"'):
        return text
    source = "\n" * (line - 1) + f"let {name}={_one_line(text)}"
    file, found = parse(source, OVERRIDES)
    for diagnostic in found:
        report.add(diagnostic)
    match file.statements:
        case (Let(value=expr),) if not found:
            return argument_value(expr, parameter, module, report)
    span = Span(OVERRIDES, line, 5, line, len(_line(name, text)) + 1)
    raise report.error("MMP203", f"this is no value for `{name}`", span)
