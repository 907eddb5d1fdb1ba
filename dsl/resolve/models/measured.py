"""Measured operators, `op chunk(x) -> y { forward 36 us ... }`: figures instead of formulas."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from dsl import spec, syntax
from dsl.diagnostic import Label
from dsl.formula import Constant
from dsl.resolve import units
from dsl.resolve.binding import IndexEntry
from dsl.resolve.fields import measure
from dsl.resolve.models.graph import GraphBuilder
from dsl.resolve.models.layouts import layout_cuts
from dsl.resolve.models.operands import index_entries, read_operand
from dsl.resolve.models.operators import bind_result, claim_results, poison_results
from dsl.resolve.models.scopes import Scope, View
from dsl.resolve.models.tree import Node
from dsl.resolve.report import RejectedError, Reporter
from dsl.resolve.values import Names

TIMES = ("forward", "backward", "input_grad", "weight_grad")
FUSED, SPLIT = "backward", ("input_grad", "weight_grad")


@dataclass(frozen=True, slots=True)
class Field:
    """A measured value in base units, and where it was given."""

    value: float
    item: syntax.MeasuredField


Fields = Mapping[str, Field]


def add_measured(statement: syntax.Measured, scope: Scope, graph: GraphBuilder) -> None:
    """Add the operator; when it is rejected, its results are poisoned.

    The path of a measured operator ends in its own name, not in that of its first result.
    """
    try:
        graph.unroll(1, statement.span)
        node = _claim(statement, scope, graph)
        operator = _resolve(statement, node, scope, graph)
    except RejectedError:
        poison_results(statement.results, scope)
        raise
    node.operator = len(graph.operators)
    graph.operators.append(operator)
    for result, use in zip(statement.results, operator.results, strict=True):
        bind_result(result, View(graph.tensors[use.tensor], use.indices), scope)


def _resolve(
    statement: syntax.Measured, node: Node, scope: Scope, graph: GraphBuilder
) -> spec.Operator:
    inputs, entries = _inputs(statement, scope, graph)
    result_entries = [
        None if r.indices is None else index_entries(r.indices, scope, graph.report)
        for r in statement.results
    ]
    entries = list(dict.fromkeys([*entries, *(e for r in result_entries for e in r or ())]))
    entries.sort(key=lambda entry: (not entry.index.batch, entry.order))
    indices = tuple(entry.index for entry in entries)
    uses = {use.formal: use.indices for use in inputs}
    for result, found in zip(statement.results, result_entries, strict=True):
        uses[result.name.text] = tuple(entry.index.name for entry in found or ())
    variants = _variants(statement, uses, indices, scope.values, graph)
    backward = any(graph.tensors[use.tensor].needs_gradient for use in inputs) or any(
        variant.input_grad + variant.weight_grad > 0 for variant in variants
    )
    results = _add_results(statement, result_entries, backward, scope, graph)
    cut = {name for variant in variants for name, _ in variant.cuts}
    nothing = Constant(0.0)
    return spec.Operator(
        name=node.path,
        kind="measured",
        inputs=inputs,
        results=results,
        indices=indices,
        cuttable=tuple(index.name for index in indices if index.name in cut),
        sums=(),
        ties=(),
        across=(),
        engine="tensor",
        efficiency=1.0,
        forward_flops=nothing,
        forward_traffic=nothing,
        gradients=(),
        saved_extra=nothing,
        variants=variants,
        unit="",
        span=statement.span,
    )


def _claim(statement: syntax.Measured, scope: Scope, graph: GraphBuilder) -> Node:
    """The operator's place in the tree; a result may have the operator's name."""
    name = statement.name
    if name.text not in [result.name.text for result in statement.results]:
        scope.claim(name.text, name.span, "operator", graph.report)
    claim_results(statement.results, scope, graph)
    return scope.node.child("operator", name.text, name.span)


def _inputs(
    statement: syntax.Measured, scope: Scope, graph: GraphBuilder
) -> tuple[tuple[spec.Use, ...], list[IndexEntry]]:
    """The operands, and the indices they bring into the iteration space."""
    uses: list[spec.Use] = []
    entries: list[IndexEntry] = []
    for operand in statement.operands:
        if operand.is_param:
            message = "a measured operator has no parameters of its own"
            hint = "give their bytes: `params 1583 MiB`"
            raise graph.report.error("MMP312", message, operand.span, hint=hint)
        tensor, indices = read_operand(operand, scope, graph.report)
        formal = operand.path.segments[-1].glob
        uses.append(spec.Use(tensor.name, indices, formal, False))
        entries.extend(e for name in indices if (e := scope.entry(name)) is not None)
    return tuple(uses), entries


def _add_results(
    statement: syntax.Measured,
    entries: Sequence[tuple[IndexEntry, ...] | None],
    backward: bool,
    scope: Scope,
    graph: GraphBuilder,
) -> tuple[spec.Use, ...]:
    """The result tensors: with dimensions, or opaque with the bytes that `result` gives."""
    opaque = _fields(statement.body.fields, scope.values, graph.report).get("result")
    if opaque is not None and all(found is not None for found in entries):
        message = "the results have indices, which give their bytes"
        raise graph.report.error("MMP312", message, opaque.item.span)
    uses: list[spec.Use] = []
    for result, found in zip(statement.results, entries, strict=True):
        dims = tuple(entry.index for entry in found or ())
        tensor = spec.Tensor(
            name=f"{scope.node.path}.{result.name.text}",
            role="value",
            dims=dims,
            element_bytes=graph.precision.activation_bytes,
            needs_gradient=backward,
            opaque_bytes=(opaque.value if opaque else 0.0) if found is None else None,
            span=result.span,
        )
        graph.add_tensor(tensor)
        names = tuple(dim.name for dim in dims)
        uses.append(spec.Use(tensor.name, names, result.name.text, False))
    return tuple(uses)


# ---- what was measured ---------------------------------------------------------------------


def _variants(
    statement: syntax.Measured,
    uses: Mapping[str, tuple[str, ...]],
    indices: tuple[spec.Index, ...],
    names: Names,
    graph: GraphBuilder,
) -> tuple[spec.Variant, ...]:
    """One variant, or one for each strategy over the operator's own values."""
    body, report = statement.body, graph.report
    own = _fields(body.fields, names, report)
    if not body.strategies:
        cuts = layout_cuts(body.layouts, uses, indices, graph.mesh, report)
        return (_variant("measured", own, _recompute(body.recompute, names, report), cuts, report),)
    variants: list[spec.Variant] = []
    seen: dict[str, syntax.Name] = {}
    for name, strategy in body.strategies:
        if name.text in seen:
            label = Label(seen[name.text].span, "first here")
            message = f"two strategies are called `{name.text}`"
            raise report.error("MMP312", message, name.span, label)
        seen[name.text] = name
        if strategy.strategies:
            nested = strategy.strategies[0][0]
            raise report.error("MMP312", "a strategy cannot hold strategies", nested.span)
        fields = _over(own, _fields(strategy.fields, names, report), report)
        again = body.recompute if strategy.recompute is None else strategy.recompute
        layouts = strategy.layouts or body.layouts
        cuts = layout_cuts(layouts, uses, indices, graph.mesh, report)
        recompute = _recompute(again, names, report)
        variants.append(_variant(name.text, fields, recompute, cuts, report))
    return tuple(variants)


def _fields(
    items: Sequence[syntax.MeasuredField], names: Names, report: Reporter
) -> dict[str, Field]:
    """The fields by key; Errors (MMP312) for one given twice."""
    fields: dict[str, Field] = {}
    for item in items:
        key = item.key.text
        if key in fields:
            label = Label(fields[key].item.span, "first given here")
            raise report.error("MMP312", f"`{key}` is given twice", item.key.span, label)
        value = 0.0
        if item.value is not None:
            dimension = units.TIME if key in TIMES else units.BYTES
            value = measure(item.value, dimension, names, report, f"`{key}`")
        fields[key] = Field(value, item)
    if FUSED in fields and any(key in fields for key in SPLIT):
        message = "`backward` is `input_grad` and `weight_grad` together: give it or them"
        raise report.error("MMP312", message, fields[FUSED].item.span)
    return fields


def _over(own: Fields, given: Fields, report: Reporter) -> dict[str, Field]:
    """A strategy's fields over the operator's own; one form of backward replaces another."""
    if "result" in given:
        message = "`result` belongs to the operator, not to one strategy"
        raise report.error("MMP312", message, given["result"].item.span)
    replaced: tuple[str, ...] = ()
    if FUSED in given:
        replaced = (*SPLIT, "split_backward")
    elif any(key in given for key in SPLIT):
        replaced = (FUSED,)
    kept = {key: field for key, field in own.items() if key not in replaced}
    return {**kept, **given}


def _recompute(
    items: Sequence[syntax.MeasuredField] | None, names: Names, report: Reporter
) -> Fields | None:
    if items is None:
        return None
    fields = _fields(items, names, report)
    for key, field in fields.items():
        if key not in ("forward", "saved"):
            message = f"`recompute` has `forward` and `saved`, not `{key}`"
            raise report.error("MMP312", message, field.item.span)
    return fields


def _variant(
    name: str,
    fields: Fields,
    recompute: Fields | None,
    cuts: tuple[tuple[str, tuple[str, ...]], ...],
    report: Reporter,
) -> spec.Variant:
    def value(key: str) -> float:
        return fields[key].value if key in fields else 0.0

    if "split_backward" in fields and FUSED in fields:
        message = "a split backward has `input_grad` and `weight_grad`, not `backward`"
        raise report.error("MMP312", message, fields["split_backward"].item.span)
    if value("release") > value("saved"):
        message = "the input gradient releases more than is saved"
        raise report.error("MMP312", message, fields["release"].item.span)
    again = None
    if recompute is not None:
        again = recompute["forward"].value if "forward" in recompute else value("forward")
    return spec.Variant(
        name=name,
        forward=value("forward"),
        input_grad=value("backward") if FUSED in fields else value("input_grad"),
        weight_grad=value("weight_grad"),
        split_backward="split_backward" in fields,
        static_bytes=value("params"),
        saved_bytes=value("saved"),
        released_by_input_grad=value("release"),
        workspace_bytes=value("workspace"),
        recompute_forward=again,
        recompute_saved_bytes=recompute["saved"].value
        if recompute and "saved" in recompute
        else 0.0,
        cuts=cuts,
    )
