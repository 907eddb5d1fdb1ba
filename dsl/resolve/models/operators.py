"""Operators of declared kinds: `y[b, s, f] = matmul(x[b, s, d], param w[d, f])`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from dsl import spec, syntax
from dsl.formula import Constant
from dsl.resolve.binding import Actual, BoundKind, bind_kind
from dsl.resolve.kinds import KindDef, resolve_kind
from dsl.resolve.models.graph import GraphBuilder
from dsl.resolve.models.operands import add_parameter, index_entries, read_operand
from dsl.resolve.models.scopes import Found, Scope, View
from dsl.resolve.models.tree import Node
from dsl.resolve.report import POISONED, RejectedError


@dataclass(frozen=True, slots=True)
class Read:
    """An operand that was read: the tensor, and the operator's names for its dimensions."""

    tensor: spec.Tensor
    indices: tuple[str, ...]


def add_operator(statement: syntax.Assign, scope: Scope, graph: GraphBuilder) -> None:
    """Add the operator and bind its results; when it is rejected, its results are poisoned."""
    try:
        graph.unroll(1, statement.span)
        claim_results(statement.results, scope, graph)
        first = statement.results[0].name
        node = scope.node.child("operator", first.text, first.span)
        kind = kind_of(statement.kind, scope, graph)
        parameters: dict[str, Found] = {}
        scope.holders[node.name] = parameters
        reads = _read_all(statement.operands, node, parameters, scope, graph)
        operator = _bind(statement, kind, reads, node, scope, graph)
    except RejectedError:
        poison_results(statement.results, scope)
        raise
    node.operator = len(graph.operators)
    graph.operators.append(operator)
    for result, use in zip(statement.results, operator.results, strict=True):
        bind_result(result, View(graph.tensors[use.tensor], use.indices), scope)


def claim_results(results: Sequence[syntax.Result], scope: Scope, graph: GraphBuilder) -> None:
    """Take the paths of the results; an operator's own path is that of its first result."""
    for result in results:
        scope.claim(result.name.text, result.name.span, "operator", graph.report)


def bind_result(result: syntax.Result, view: Found, scope: Scope) -> None:
    """Let the result's name mean it, here and as `block.name`."""
    scope.bind(result.name.text, view)
    scope.results[result.name.text] = view


def poison_results(results: Sequence[syntax.Result], scope: Scope) -> None:
    """Make the names of a rejected operator's results and parameters known as broken."""
    for result in results:
        bind_result(result, POISONED, scope)
    scope.holders[results[0].name.text] = POISONED


def kind_of(path: syntax.Selector, scope: Scope, graph: GraphBuilder) -> KindDef:
    """The kind that a path names, checked once."""
    module, declared = scope.module.declaration(path, syntax.Kind)
    kind = graph.kinds.get(declared.span)
    if kind is None:
        kind = resolve_kind(declared, module, graph.report)
        graph.kinds[declared.span] = kind
    return kind


def _read_all(
    operands: Sequence[syntax.Operand],
    node: Node,
    parameters: dict[str, Found],
    scope: Scope,
    graph: GraphBuilder,
) -> list[Read]:
    """All operands, so that every mistake among them is found before RejectedError."""
    reads: list[Read] = []
    failed = False
    for operand in operands:
        try:
            if operand.is_param:
                view = _inline_parameter(operand, node, parameters, scope, graph)
                reads.append(Read(view.tensor, view.indices))
            else:
                reads.append(Read(*read_operand(operand, scope, graph.report)))
        except RejectedError:
            failed = True
    if failed:
        raise RejectedError(node.path)
    return reads


def _inline_parameter(
    operand: syntax.Operand,
    node: Node,
    parameters: dict[str, Found],
    scope: Scope,
    graph: GraphBuilder,
) -> View:
    segment = operand.path.segments[0]
    name = syntax.Name(segment.glob, segment.span)
    if len(operand.path.segments) > 1 or operand.indices is None:
        message = "a parameter is declared with a simple name and its indices"
        hint = f"write `param {operand.path.segments[-1].glob}[...]`"
        raise graph.report.error("MMP308", message, operand.span, hint=hint)
    if name.text in parameters:
        message = f"this operator has a parameter `{name.text}` already"
        raise graph.report.error("MMP307", message, name.span)
    path = f"{node.path}.{name.text}"
    size = graph.precision.parameter_bytes
    parameters[name.text] = POISONED
    view = add_parameter(name, path, operand.indices, size, scope, graph)
    parameters[name.text] = view
    node.child("parameter", name.text, name.span)
    return view


def _bind(
    statement: syntax.Assign,
    kind: KindDef,
    reads: Sequence[Read],
    node: Node,
    scope: Scope,
    graph: GraphBuilder,
) -> spec.Operator:
    bound = _bound_kind(statement, kind, reads, scope, graph)
    backward = any(read.tensor.needs_gradient for read in reads)
    cuts, costs = bound.cuts, bound.costs
    return spec.Operator(
        name=node.path,
        kind=kind.name,
        inputs=tuple(
            spec.Use(
                read.tensor.name,
                read.indices,
                formal.name.text,
                backward and formal.name.text in kind.saves,
            )
            for read, formal in zip(reads, kind.operands, strict=True)
        ),
        results=_add_results(statement.results, kind, bound, backward, scope, graph),
        indices=bound.indices,
        cuttable=cuts.cuttable,
        sums=cuts.sums,
        ties=cuts.ties,
        across=costs.across,
        engine=kind.engine,
        efficiency=kind.efficiency,
        forward_flops=costs.forward_flops,
        forward_traffic=costs.forward_traffic,
        gradients=tuple(
            spec.Gradient(position, *costs.gradients[position])
            for position, read in enumerate(reads)
            if read.tensor.needs_gradient
        ),
        saved_extra=costs.saved_extra if backward else Constant(0.0),
        variants=(),
        unit="",
        span=statement.span,
    )


def _bound_kind(
    statement: syntax.Assign,
    kind: KindDef,
    reads: Sequence[Read],
    scope: Scope,
    graph: GraphBuilder,
) -> BoundKind:
    """The kind bound to these indices, shared by all operators that have the same."""
    given = [
        None
        if result.indices is None
        else tuple(e.index.name for e in index_entries(result.indices, scope, graph.report))
        for result in statement.results
    ]
    operands = [
        Actual(read.indices, read.tensor.element_bytes, operand.span)
        for read, operand in zip(reads, statement.operands, strict=True)
    ]
    results = [
        Actual(taken, graph.precision.activation_bytes, result.span)
        for taken, result in zip(given, statement.results, strict=True)
    ]
    names = dict.fromkeys(n for actual in (*operands, *results) for n in actual.indices or ())
    entries = {name: entry for name in names if (entry := scope.entry(name)) is not None}
    shapes = tuple((operand.indices, operand.element_bytes) for operand in operands)
    key = (kind.span, shapes, tuple(given), tuple(entries.values()))
    bound = graph.bound.get(key)
    if bound is None:
        bound = bind_kind(kind, operands, results, entries, statement.span, graph.report)
        graph.bound[key] = bound
    return bound


def _add_results(
    results: Sequence[syntax.Result],
    kind: KindDef,
    bound: BoundKind,
    backward: bool,
    scope: Scope,
    graph: GraphBuilder,
) -> tuple[spec.Use, ...]:
    index_of = {index.name: index for index in bound.indices}
    uses: list[spec.Use] = []
    for result, formal, indices in zip(results, kind.results, bound.results, strict=True):
        tensor = spec.Tensor(
            name=f"{scope.node.path}.{result.name.text}",
            role="value",
            dims=tuple(index_of[name] for name in indices),
            element_bytes=graph.precision.activation_bytes,
            needs_gradient=backward,
            opaque_bytes=None,
            span=result.span,
        )
        graph.add_tensor(tensor)
        saved = backward and formal.name.text in kind.saves
        uses.append(spec.Use(tensor.name, indices, formal.name.text, saved))
    return tuple(uses)
