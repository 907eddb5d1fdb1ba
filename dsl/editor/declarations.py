"""The names of a file: imports, values, hardware, operator kinds; the walk over all statements."""

from __future__ import annotations

from collections.abc import Sequence

from dsl.editor import plan
from dsl.editor.definitions import Definition, Scope
from dsl.editor.expressions import Seen, expression
from dsl.editor.models import model
from dsl.editor.modules import declared, lookup, whole
from dsl.resolve.modules import Broken, Declared, Imported, Module, Whole, name_of
from dsl.syntax import (
    Across,
    Apply,
    Compute,
    Device,
    DeviceMemory,
    Engine,
    Field,
    Formal,
    Formula,
    Import,
    Instance,
    Kind,
    Launch,
    Let,
    Limit,
    Link,
    Mesh,
    Model,
    Name,
    Optimizer,
    Order,
    ParamStmt,
    Physics,
    PhysicsSet,
    Pin,
    Precision,
    Saves,
    Statement,
    Strategy,
    Sum,
    Tie,
    Train,
)
from dsl.syntax import Whole as WholeItem


def names_of(module: Module) -> Seen:
    """Every occurrence of a name in a file. Meshes and models come first, so that pins above them
    find them."""
    seen = Seen(module)
    first = (Mesh, Instance)
    for statement in module.file.statements:
        if isinstance(statement, first):
            _statement(statement, seen)
    for statement in module.file.statements:
        if not isinstance(statement, first):
            _statement(statement, seen)
    return seen


def _statement(statement: Statement, seen: Seen) -> None:
    match statement:
        case Mesh():
            plan.mesh(statement, seen)
        case Instance():
            plan.instance(statement, seen)
        case Train():
            plan.train(statement, seen)
        case Pin() | Order() | Limit() | Apply():
            plan.wish(statement, None, seen)
        case Import():
            _import(statement, seen)
        case (
            ParamStmt()
            | Let()
            | Device()
            | Optimizer()
            | Precision()
            | PhysicsSet()
            | Kind()
            | Model()
            | Strategy()
        ):
            seen.see(name_of(statement).span, declared(seen.module, statement))
            _declaration(statement, seen)


def _declaration(statement: Statement, seen: Seen) -> None:
    match statement:
        case ParamStmt(parameter=parameter):
            expression(parameter.default, None, seen)
        case Let(value=value):
            expression(value, None, seen)
        case Device(items=items):
            _device(items, seen)
        case Optimizer(fields=fields) | Precision(fields=fields) | PhysicsSet(fields=fields):
            _fields(fields, seen)
        case Kind():
            _kind(statement, seen)
        case Model():
            model(statement, seen)
        case Strategy():
            plan.strategy(statement, seen)


def _import(statement: Import, seen: Seen) -> None:
    module = _imported(statement, seen.module)
    if module is not None:
        seen.see(statement.source_span, whole(module))
    if statement.alias is not None and module is not None:
        seen.see(statement.alias.span, whole(module))
    for original, local in statement.names:
        found = lookup(module, original.text, prelude=False) if module is not None else None
        seen.see(original.span, found)
        if local.span != original.span:
            seen.see(local.span, found)
    for name, value in statement.settings:
        seen.see(name.span, lookup(module, name.text, prelude=False) if module else None)
        expression(value, None, seen)


def _imported(statement: Import, module: Module) -> Module | None:
    """The file that an import brings in, by any of the names that it binds."""
    locals_ = [local.text for _, local in statement.names]
    names = locals_ or [n for n, b in module.names.items() if _span(b) == _bound_at(statement)]
    for name in names:
        match module.names.get(name):
            case Imported(module=found) | Whole(module=found):
                return found
            case Declared() | Broken() | None:
                continue
    return None


def _span(bound: Declared | Imported | Whole | Broken) -> object:
    return bound.span if isinstance(bound, Whole) else None


def _bound_at(statement: Import) -> object:
    return statement.alias.span if statement.alias is not None else statement.source_span


def _device(items: Sequence[Compute | DeviceMemory | Launch | Link | Physics], seen: Seen) -> None:
    for item in items:
        match item:
            case Compute(rate=rate, efficiency=efficiency):
                expression(rate, None, seen)
                expression(efficiency, None, seen)
            case DeviceMemory(capacity=capacity, bandwidth=bandwidth, efficiency=efficiency):
                for value in (capacity, bandwidth, efficiency):
                    expression(value, None, seen)
            case Launch(time=time):
                expression(time, None, seen)
            case Link():
                seen.define(item.name, "link", item)
                for value in (item.among, item.bandwidth, item.latency, item.efficiency):
                    expression(value, None, seen)
                _device(item.items, seen)
            case Physics(name=name, value=None):
                seen.see(name.span, lookup(seen.module, name.text))
            case Physics(value=value):
                expression(value, None, seen)


def _fields(fields: Sequence[Field], seen: Seen) -> None:
    for field in fields:
        if field.key.text != "computes":
            expression(field.value, None, seen)


# ---- operator kinds ------------------------------------------------------------------------


def _kind(statement: Kind, seen: Seen) -> None:
    scope = Scope()
    for formal in (*statement.operands, *statement.results):
        _formal(formal, scope, seen)
    for item in statement.items:
        match item:
            case Engine(efficiency=efficiency):
                expression(efficiency, scope, seen)
            case Formula(gradient_of=of, value=value):
                _use([of] if of is not None else [], scope, seen)
                expression(value, scope, seen)
            case Saves(operands=operands, extra_bytes=extra):
                _use(operands, scope, seen)
                for value in extra:
                    expression(value, scope, seen)
            case WholeItem(names=names) | Sum(names=names):
                _use(names, scope, seen)
            case Tie(name=name, to=to):
                _use([name, *to], scope, seen)
            case Across(name=name, bytes=size):
                _use([name], scope, seen)
                expression(size, scope, seen)


def _formal(formal: Formal, scope: Scope, seen: Seen) -> None:
    if formal.name.text not in scope.values:
        scope.values[formal.name.text] = seen.define(formal.name, "operand", formal)
    for pattern in formal.patterns:
        known: Definition | None = scope.indices.get(pattern.name.text)
        if known is None:
            known = seen.define(pattern.name, "index", pattern)
            scope.indices[pattern.name.text] = known
            scope.values.setdefault(pattern.name.text, known)
        else:
            seen.see(pattern.name.span, known)


def _use(names: Sequence[Name], scope: Scope, seen: Seen) -> None:
    for name in names:
        seen.see(name.span, scope.indices.get(name.text) or scope.value(name.text))
