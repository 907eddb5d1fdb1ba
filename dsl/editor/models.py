"""The names of models: what every item declares and reads, and where paths lead."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

from dsl.editor.definitions import Definition, Scope
from dsl.editor.expressions import Seen, arguments, expression, name_span, named, over, parameters
from dsl.editor.modules import qualified
from dsl.resolve.modules import Module
from dsl.span import Span
from dsl.syntax import (
    Alias,
    Assign,
    Block,
    BlockOf,
    Conditional,
    IndexStmt,
    Let,
    Measured,
    MeasuredBody,
    Model,
    ModelItem,
    Name,
    Operand,
    Output,
    Repeat,
    Result,
    Segment,
    Selector,
    TensorDecl,
)


def model(statement: Model, seen: Seen) -> Scope:
    """Everything that a model names; its scope."""
    scope = Scope()
    seen = replace(seen, around=seen.around | {statement.span})
    parameters(statement.parameters, scope, seen)
    if statement.base is not None:
        called = named(statement.base.model, seen)
        arguments(statement.base.arguments, called, scope, seen)
    items(statement.items, scope, seen)
    return scope


def scope_of(module: Module, statement: Model, around: frozenset[Span]) -> Scope:
    """The scope of a model of any file, of its base where it has one; an empty one for a model that
    is inside itself, `around` being the models around it."""
    if statement.span in around:
        return Scope()
    within = around | {statement.span}
    if statement.base is None:
        return model(statement, Seen(module, within))
    names = [segment.glob for segment in statement.base.model.segments]
    found = qualified(module, names)
    if len(found) < len(names) or not isinstance(found[-1].node, Model):
        return Scope()
    return scope_of(found[-1].module or module, found[-1].node, within)


def items(given: Sequence[ModelItem], scope: Scope, seen: Seen) -> None:
    """The items of a model or block, in order."""
    for item in given:
        _item(item, scope, seen)


def _item(item: ModelItem, scope: Scope, seen: Seen) -> None:
    match item:
        case Assign():
            _assign(item, scope, seen)
        case Measured():
            _measured(item, scope, seen)
        case Alias(name=name, path=path):
            _tensor(path, scope, seen)
            _bind(name, "tensor", item, scope, seen)
        case TensorDecl(name=name, indices=indices):
            _indices(indices, scope, seen)
            scope.members[name.text] = _bind(name, "tensor", item, scope, seen)
        case IndexStmt(definitions=definitions):
            for definition in definitions:
                expression(definition.size, scope, seen)
                found = seen.define(definition.name, "index", definition)
                scope.indices[definition.name.text] = found
        case Let(name=name, value=value, doc=doc):
            expression(value, scope, seen)
            scope.values[name.text] = seen.define(name, "constant", item, doc)
        case Output(paths=paths):
            for path in paths:
                _tensor(path, scope, seen)
        case Conditional(condition=condition, then=then, otherwise=otherwise):
            expression(condition, scope, seen)
            items(then, scope, seen)
            items(otherwise, scope, seen)
        case BlockOf():
            _block_of(item, scope, seen)
        case Block(name=name, items=inner, doc=doc):
            _inner(name, "block", item, doc, inner, scope, seen)
        case Repeat(count=count, name=name, items=inner, doc=doc):
            expression(count, scope, seen)
            _inner(name, "repeat", item, doc, inner, scope, seen)


def _inner(
    name: Name,
    sort: str,
    node: Block | Repeat,
    doc: str,
    inner: Sequence[ModelItem],
    scope: Scope,
    seen: Seen,
) -> None:
    scope.members[name.text] = seen.define(name, sort, node, doc)
    scope.inner[name.text] = below = Scope(scope)
    items(inner, below, seen)


def _block_of(item: BlockOf, scope: Scope, seen: Seen) -> None:
    called = named(item.model, seen)
    arguments(item.arguments, called, scope, seen)
    scope.members[item.name.text] = seen.define(item.name, "block", item, item.doc)
    if called is None or not isinstance(called.node, Model) or called.module is None:
        return
    scope.models[item.name.text] = partial(scope_of, called.module, called.node, seen.around)
    below = scope.inside(item.name.text)
    for given, path in item.bindings:
        _tensor(path, scope, seen)
        seen.see(given.span, below.members.get(given.text) if below is not None else None)


def _bind(name: Name, sort: str, node: object, scope: Scope, seen: Seen) -> Definition:
    """A tensor gets a name: that of an enclosing scope which has it already, or a new one here."""
    found = scope.value(name.text)
    if found is not None and found.sort == sort:
        seen.see(name.span, found)
        return found
    doc = str(getattr(node, "doc", ""))
    found = seen.define(name, sort, node, doc)
    scope.values[name.text] = found
    return found


def _results(results: Sequence[Result], node: object, scope: Scope, seen: Seen) -> None:
    for result in results:
        _indices(result.indices or (), scope, seen)
        scope.members[result.name.text] = _bind(result.name, "tensor", node, scope, seen)


def _operands(operands: Sequence[Operand], owner: str, scope: Scope, seen: Seen) -> None:
    """What an operator reads; parameters declared in its call are members of it."""
    for operand in operands:
        _indices(operand.indices or (), scope, seen)
        if operand.is_param:
            (segment, *_) = operand.path.segments
            below = scope.inner.setdefault(owner, Scope(scope))
            name = Name(segment.glob, name_span(segment))
            below.members[segment.glob] = seen.define(name, "tensor", operand)
        else:
            _tensor(operand.path, scope, seen)


def _assign(item: Assign, scope: Scope, seen: Seen) -> None:
    named(item.kind, seen)
    scope.inner.pop(item.results[0].name.text, None)
    _operands(item.operands, item.results[0].name.text, scope, seen)
    _results(item.results, item, scope, seen)


def _measured(item: Measured, scope: Scope, seen: Seen) -> None:
    _operands(item.operands, item.name.text, scope, seen)
    _results(item.results, item, scope, seen)
    scope.members[item.name.text] = seen.define(item.name, "operator", item, item.doc)
    _body(item.body, scope, seen)


def _body(body: MeasuredBody, scope: Scope, seen: Seen) -> None:
    for entry in (*body.fields, *(body.recompute or ())):
        expression(entry.value, scope, seen)
    for layout in body.layouts:
        seen.see(layout.tensor.span, scope.value(layout.tensor.text))
        for cut in layout.cuts:
            seen.see(cut.index.span, scope.index(cut.index.text))
            over(cut.axes, scope, seen)
    for _, strategy in body.strategies:
        _body(strategy, scope, seen)


def _indices(names: Sequence[Name], scope: Scope, seen: Seen) -> None:
    for name in names:
        seen.see(name.span, scope.index(name.text))


def _tensor(path: Selector, scope: Scope, seen: Seen) -> None:
    """A tensor by its name, or by its path through blocks."""
    head, *rest = path.segments
    if not rest:
        seen.see(name_span(head), scope.value(head.glob))
        return
    holder = next((s for s in scope.chain() if head.glob in s.members), None)
    for segment in path.segments:
        if holder is None:
            return
        seen.see(name_span(segment), _member(segment, holder))
        holder = holder.inside(segment.glob)


def _member(segment: Segment, holder: Scope) -> Definition | None:
    return holder.members.get(segment.glob) or holder.values.get(segment.glob)
