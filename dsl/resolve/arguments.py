"""Binding arguments to parameters, for models and strategies."""

from __future__ import annotations

from collections.abc import Sequence

from dsl.diagnostic import Label
from dsl.resolve.expressions import evaluate
from dsl.resolve.report import POISONED, Poisoned, RejectedError, Reporter, attempt
from dsl.resolve.values import (
    AxesValue,
    Environment,
    Names,
    PathValue,
    Value,
    check_type,
    convert,
)
from dsl.span import Span
from dsl.suggest import did_you_mean
from dsl.syntax import Argument, AxesGroup, AxisName, Expr, Name, Parameter, Selector


def bind_arguments(
    parameters: Sequence[Parameter],
    arguments: Sequence[Argument],
    caller: Names,
    inner: Environment,
    call: Span,
    report: Reporter,
) -> None:
    """Define every parameter in `inner`: its argument, read in `caller`, or its default.

    A default may use the parameters before it. Errors: those of `assign_arguments`, and what
    evaluating and converting report; every argument is looked at before RejectedError.
    """
    given = attempt(assign_arguments, parameters, arguments, call, report)
    failed = given is None
    for parameter in parameters:
        value: Value | Poisoned = POISONED
        argument = None if given is None else given.get(parameter.name.text)
        expr, names = (argument.value, caller) if argument else (parameter.default, inner)
        try:
            if expr is not None:
                value = argument_value(expr, parameter, names, report)
            inner.define(parameter.name, value, report)
        except RejectedError:
            failed = True
    if failed:
        raise RejectedError("arguments")


def outer_name(parameter: Parameter) -> Name:
    """The name callers use: the label where there is one."""
    return parameter.label or parameter.name


def assign_arguments(
    parameters: Sequence[Parameter], arguments: Sequence[Argument], call: Span, report: Reporter
) -> dict[str, Argument]:
    """Which argument goes to which parameter (by its inner name).

    Error MMP208 for an argument that goes nowhere, one given twice, and missing ones.
    """
    by_label = {outer_name(p).text: p for p in parameters}
    given: dict[str, Argument] = {}
    for position, argument in enumerate(arguments):
        if argument.label is not None:
            parameter = by_label.get(argument.label.text)
        else:
            parameter = parameters[position] if position < len(parameters) else None
        if parameter is None:
            raise _unexpected(argument, list(by_label), report)
        if parameter.name.text in given:
            first = Label(given[parameter.name.text].span, "first given here")
            name = outer_name(parameter).text
            raise report.error("MMP208", f"argument `{name}` is given twice", argument.span, first)
        given[parameter.name.text] = argument
    missing = [
        f"`{outer_name(parameter).text}`"
        for parameter in parameters
        if parameter.default is None and parameter.name.text not in given
    ]
    if missing:
        takes = "it takes " + ", ".join(outer_name(parameter).text for parameter in parameters)
        message = f"missing argument {', '.join(missing)}"
        raise report.error("MMP208", message, call, hint=takes)
    return given


def _unexpected(argument: Argument, labels: list[str], report: Reporter) -> RejectedError:
    takes = "it takes " + ", ".join(labels) if labels else "it takes none"
    if argument.label is None:
        return report.error("MMP208", "one argument too many", argument.span, hint=takes)
    name = argument.label.text
    hint = did_you_mean(name, labels) or takes
    return report.error("MMP208", f"unknown argument `{name}`", argument.label.span, hint=hint)


def argument_value(expr: Expr, parameter: Parameter, names: Names, report: Reporter) -> Value:
    """The value an expression has as an argument for this parameter."""
    type_name = check_type(parameter.type, report)
    if type_name == "path":
        return _path(expr, names, report)
    if type_name == "axes":
        return _axes(expr, names, report)
    return convert(evaluate(expr, names, report), type_name, expr.span, report)


def _path(expr: Expr, names: Names, report: Reporter) -> Value:
    if not isinstance(expr, Selector):
        raise report.error("MMP203", "expected a path such as `net.layers[*]`", expr.span)
    return PathValue(substitute(expr, names, report))


def substitute(selector: Selector, names: Names, report: Reporter) -> Selector:
    """The selector with a path parameter at its head replaced by what was passed for it."""
    head = selector.segments[0]
    found = names.find(head.glob)
    if isinstance(found, Poisoned):
        raise RejectedError(head.glob)
    if not isinstance(found, PathValue):
        return selector
    passed = found.selector.segments
    if head.subscript is not None:
        last = passed[-1]
        if last.subscript is not None:
            message = f"`{head.glob}` was passed with a subscript already"
            label = Label(last.span, "here")
            raise report.error("MMP203", message, head.span, label)
        passed = (*passed[:-1], type(last)(last.glob, head.subscript, head.span))
    return Selector((*passed, *selector.segments[1:]), selector.span)


def _axes(expr: Expr, names: Names, report: Reporter) -> Value:
    if isinstance(expr, AxesGroup):
        return AxesValue(expand_axes(expr.axes, names))
    if isinstance(expr, Selector) and expr.is_plain:
        head, *rest = expr.segments
        if not rest or (len(rest) == 1 and rest[0].glob.isdigit()):
            part = int(rest[0].glob) if rest else None
            axis = AxisName(Name(head.glob, head.span), part, expr.span)
            return AxesValue(expand_axes((axis,), names))
    raise report.error("MMP203", "expected mesh axes such as `gpu` or `(node, gpu)`", expr.span)


def expand_axes(axes: Sequence[AxisName], names: Names) -> tuple[AxisName, ...]:
    """The axes with every axes parameter replaced by what was passed for it."""
    expanded: list[AxisName] = []
    for axis in axes:
        found = names.find(axis.name.text) if axis.part is None else None
        if isinstance(found, Poisoned):
            raise RejectedError(axis.name.text)
        expanded.extend(found.axes if isinstance(found, AxesValue) else (axis,))
    return tuple(expanded)
