"""What can be said of a model or strategy before anyone uses it: that its names exist."""

from __future__ import annotations

from collections.abc import Sequence

from dsl import syntax
from dsl.diagnostic import Label
from dsl.resolve.arguments import assign_arguments, outer_name
from dsl.resolve.models.dtypes import element_bytes
from dsl.resolve.modules import Module
from dsl.resolve.report import Reporter, attempt
from dsl.resolve.values import check_type
from dsl.span import Span


def lint_model(model: syntax.Model, module: Module, report: Reporter) -> None:
    """Parameter types, kinds, models with their arguments, and element types, whatever the
    arguments may be: both sides of every `if` are looked at."""
    _lint_parameters(model.parameters, report)
    if model.base is not None:
        base = model.base
        attempt(_lint_call, base.model, base.arguments, base.span, module, report)
    _lint_items(model.items, module, report)


def lint_strategy(strategy: syntax.Strategy, module: Module, report: Reporter) -> None:
    """Parameter types, and the strategies it applies with their arguments."""
    _lint_parameters(strategy.parameters, report)
    for item in strategy.items:
        if isinstance(item, syntax.Apply):
            attempt(_lint_apply, item, module, report)


def _lint_parameters(parameters: Sequence[syntax.Parameter], report: Reporter) -> None:
    seen: dict[str, syntax.Name] = {}
    labels: dict[str, syntax.Name] = {}
    for parameter in parameters:
        attempt(check_type, parameter.type, report)
        for name, known in ((parameter.name, seen), (outer_name(parameter), labels)):
            first = known.setdefault(name.text, name)
            if first is not name:
                label = Label(first.span, "first here")
                message = f"two parameters are called `{name.text}`"
                report.error("MMP102", message, name.span, label)


def _lint_call(
    path: syntax.Selector,
    arguments: Sequence[syntax.Argument],
    span: Span,
    module: Module,
    report: Reporter,
) -> None:
    _, model = module.declaration(path, syntax.Model)
    assign_arguments(model.parameters, arguments, span, report)


def _lint_apply(item: syntax.Apply, module: Module, report: Reporter) -> None:
    _, strategy = module.declaration(item.strategy, syntax.Strategy)
    assign_arguments(strategy.parameters, item.arguments, item.span, report)


def _lint_items(items: Sequence[syntax.ModelItem], module: Module, report: Reporter) -> None:
    for item in items:
        match item:
            case syntax.Assign(kind=kind):
                attempt(module.declaration, kind, syntax.Kind)
            case syntax.BlockOf():
                attempt(_lint_call, item.model, item.arguments, item.span, module, report)
            case syntax.TensorDecl(dtype=syntax.Name() as dtype):
                attempt(element_bytes, dtype, report)
            case syntax.Block() | syntax.Repeat():
                _lint_items(item.items, module, report)
            case syntax.Conditional():
                _lint_items(item.then, module, report)
                _lint_items(item.otherwise, module, report)
