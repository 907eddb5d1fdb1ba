"""Walking the items of a model: unrolling blocks, repeats and conditionals."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from dsl import spec, syntax
from dsl.diagnostic import Label
from dsl.resolve.arguments import bind_arguments
from dsl.resolve.binding import IndexEntry
from dsl.resolve.expressions import evaluate, integer, truth
from dsl.resolve.models.dtypes import element_bytes
from dsl.resolve.models.graph import GraphBuilder
from dsl.resolve.models.measured import add_measured
from dsl.resolve.models.operands import add_parameter, check_shape, index_entries
from dsl.resolve.models.operators import add_operator
from dsl.resolve.models.scopes import Found, Scope, View
from dsl.resolve.models.tree import Node
from dsl.resolve.modules import Module
from dsl.resolve.report import POISONED, RejectedError, attempt
from dsl.resolve.values import Environment, Names
from dsl.span import Span
from dsl.suggest import did_you_mean

Item = TypeVar("Item")


def add_instance(statement: syntax.Instance, module: Module, graph: GraphBuilder) -> Node:
    """Unroll a model instance into the graph; its root in the tree of names.

    Errors (MMP315) when it has no operator. Mistakes inside are reported and walking goes on.
    """
    name = statement.name
    node = Node("model", name.text, name.text, name.span)
    graph.roots.append(node)
    operators = len(graph.operators)
    call = (statement.model, statement.arguments, statement.span)
    scope = enter_model(call, module, module, node, {}, graph)
    if graph.failed:
        raise RejectedError(name.text)
    if len(graph.operators) == operators:
        message = f"model `{name.text}` has no operators"
        raise graph.report.error("MMP315", message, statement.span)
    _settle_outputs(scope, operators, graph)
    return node


def _settle_outputs(scope: Scope, first: int, graph: GraphBuilder) -> None:
    """Name the outputs: those declared, or without a declaration what nobody reads."""
    outputs = [home.tensor(path, graph.report).tensor.name for path, home in scope.outputs]
    read = graph.read()
    unread = [
        use.tensor
        for operator in graph.operators[first:]
        for use in operator.results
        if use.tensor not in read
    ]
    if not outputs:
        graph.outputs.extend(unread)
        return
    graph.outputs.extend(dict.fromkeys(outputs))
    for name in unread:
        if name not in outputs:
            shown = name.rpartition(".")[2]
            message = f"nothing reads `{shown}` and it is no output"
            graph.report.warning("MMP313", message, graph.tensors[name].span)


Call = tuple[syntax.Selector, tuple[syntax.Argument, ...], Span]


def enter_model(
    call: Call,
    module: Module,
    caller: Names,
    node: Node,
    given: dict[str, tuple[Found, Span]],
    graph: GraphBuilder,
) -> Scope:
    """Walk a called model as the contents of the node; a model with a base is that base."""
    path, arguments, span = call
    with graph.report.within(span, "used here"):
        home, model = module.declaration(path, syntax.Model)
        values = Environment(home)
        bind_arguments(model.parameters, arguments, caller, values, span, graph.report)
        if model.base is not None:
            inner = (model.base.model, model.base.arguments, model.base.span)
            with graph.deeper(path.span):
                return enter_model(inner, home, values, node, given, graph)
        scope = Scope(home, node, values, None, given=given)
        walk(model.items, scope, path.span, graph)
        for outer_path, inner_scope in scope.outputs:
            attempt(inner_scope.tensor, outer_path, graph.report)
    return scope


def walk(items: Sequence[syntax.ModelItem], scope: Scope, span: Span, graph: GraphBuilder) -> None:
    """Take in items one after the other; a rejected one is skipped. `span` is what holds them."""
    with graph.deeper(span):
        for item in items:
            if graph.is_full:
                return
            _attempt_item(_take, item, scope, graph)


def _attempt_item(
    take: Callable[[Item, Scope, GraphBuilder], None],
    item: Item,
    scope: Scope,
    graph: GraphBuilder,
) -> None:
    try:
        take(item, scope, graph)
    except RejectedError:
        graph.failed = True


def _take(item: syntax.ModelItem, scope: Scope, graph: GraphBuilder) -> None:
    match item:
        case syntax.Assign():
            add_operator(item, scope, graph)
        case syntax.Alias():
            _alias(item, scope, graph)
        case syntax.BlockOf():
            _block_of(item, scope, graph)
        case syntax.Block():
            _block(item, scope, graph)
        case syntax.Repeat():
            _repeat(item, scope, graph)
        case syntax.IndexStmt():
            for definition in item.definitions:
                _attempt_item(_index, definition, scope, graph)
        case syntax.TensorDecl():
            _tensor(item, scope, graph)
        case syntax.Let():
            _let(item, scope, graph)
        case syntax.Conditional():
            _conditional(item, scope, graph)
        case syntax.Output():
            scope.model.outputs.extend((path, scope) for path in item.paths)
        case syntax.Measured():
            add_measured(item, scope, graph)


def _let(item: syntax.Let, scope: Scope, graph: GraphBuilder) -> None:
    try:
        value = evaluate(item.value, scope.values, graph.report)
    except RejectedError:
        scope.values.define(item.name, POISONED, graph.report)
        raise
    scope.values.define(item.name, value, graph.report)


def _alias(item: syntax.Alias, scope: Scope, graph: GraphBuilder) -> None:
    try:
        scope.bind(item.name.text, scope.tensor(item.path, graph.report))
    except RejectedError:
        scope.bind(item.name.text, POISONED)
        raise


def _conditional(item: syntax.Conditional, scope: Scope, graph: GraphBuilder) -> None:
    try:
        holds = truth(item.condition, scope.values, graph.report)
    except RejectedError:
        scope.broken = True
        raise
    walk(item.then if holds else item.otherwise, scope, item.condition.span, graph)


def _block(item: syntax.Block, scope: Scope, graph: GraphBuilder) -> None:
    scope.claim(item.name.text, item.name.span, "block", graph.report)
    inner = scope.inside(scope.node.child("block", item.name.text, item.name.span))
    scope.holders[item.name.text] = inner
    walk(item.items, inner, item.name.span, graph)


def _repeat(item: syntax.Repeat, scope: Scope, graph: GraphBuilder) -> None:
    try:
        scope.claim(item.name.text, item.name.span, "repeat", graph.report)
        count = integer(item.count, scope.values, graph.report, 0, "the number of iterations")
        graph.unroll(count, item.count.span)
    except RejectedError:
        scope.broken = True
        raise
    node = scope.node.child("repeat", item.name.text, item.name.span)
    for position in range(count):
        iteration = node.child("iteration", item.name.text, item.name.span, position)
        walk(item.items, scope.inside(iteration), item.name.span, graph)


def _block_of(item: syntax.BlockOf, scope: Scope, graph: GraphBuilder) -> None:
    name = item.name
    scope.claim(name.text, name.span, "block", graph.report)
    scope.holders[name.text] = POISONED
    given: dict[str, tuple[Found, Span]] = {}
    for target, path in item.bindings:
        view = attempt(scope.tensor, path, graph.report)
        given[target.text] = (view or POISONED, target.span)
    node = scope.node.child("block", name.text, name.span)
    call = (item.model, item.arguments, item.span)
    inner = enter_model(call, scope.module, scope.values, node, given, graph)
    scope.holders[name.text] = inner
    for target, _ in item.bindings:
        if target.text not in inner.inputs and not inner.broken:
            hint = did_you_mean(target.text, inner.inputs) or _inputs_hint(inner.inputs)
            message = f"`{item.model.dotted}` has no input `{target.text}`"
            graph.report.error("MMP301", message, target.span, hint=hint)


def _inputs_hint(inputs: Sequence[str]) -> str:
    return "its inputs are " + ", ".join(f"`{n}`" for n in inputs) if inputs else "it has none"


def _index(definition: syntax.IndexDef, scope: Scope, graph: GraphBuilder) -> None:
    name, report = definition.name, graph.report
    for around in scope.chain():
        first = around.indices.get(name.text)
        if isinstance(first, tuple):
            label = Label(first[1], "first defined here")
            message = f"index `{name.text}` is defined already"
            raise report.error("MMP303", message, name.span, label)
    try:
        what = f"the size of index `{name.text}`"
        size = integer(definition.size, scope.values, report, 1, what)
    except RejectedError:
        scope.indices[name.text] = POISONED
        raise
    order = sum(len(around.indices) for around in scope.chain())
    index = spec.Index(name.text, size, definition.is_batch)
    scope.indices[name.text] = (IndexEntry(index, order), name.span)


def _tensor(item: syntax.TensorDecl, scope: Scope, graph: GraphBuilder) -> None:
    name = item.name
    try:
        scope.claim(name.text, name.span, "tensor", graph.report)
        view = (
            _parameter(item, scope, graph) if item.role == "param" else _input(item, scope, graph)
        )
    except RejectedError:
        scope.views[name.text] = POISONED
        raise
    scope.views[name.text] = view
    if item.role == "param":
        scope.node.child("parameter", name.text, name.span)


def _parameter(item: syntax.TensorDecl, scope: Scope, graph: GraphBuilder) -> View:
    path = f"{scope.node.path}.{item.name.text}"
    size = graph.precision.parameter_bytes
    if item.dtype is not None:
        size = element_bytes(item.dtype, graph.report)
    return add_parameter(item.name, path, item.indices, size, scope, graph)


def _input(item: syntax.TensorDecl, scope: Scope, graph: GraphBuilder) -> Found:
    name, report = item.name, graph.report
    if scope.outer is None:
        scope.inputs.append(name.text)
    dims = [entry.index for entry in index_entries(item.indices, scope, report)]
    size = graph.precision.activation_bytes
    if item.dtype is not None:
        size = element_bytes(item.dtype, report)
    indices = tuple(dim.name for dim in dims)
    given = scope.given.get(name.text) if scope.outer is None else None
    if given is None:
        path = f"{scope.node.path}.{name.text}"
        tensor = spec.Tensor(path, "input", tuple(dims), size, False, None, item.span)
        return View(graph.add_tensor(tensor), indices)
    view, span = given
    if isinstance(view, View):
        declared = Label(item.span, "the input it is bound to")
        check_shape(view.tensor, dims, [span] * len(dims), span, report, declared)
        return View(view.tensor, indices)
    return POISONED
