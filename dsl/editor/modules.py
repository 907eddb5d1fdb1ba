"""What the names of a file stand for: declarations here, imported ones, whole modules."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from dsl.editor.definitions import Definition
from dsl.resolve.modules import Declared, Imported, Module, Whole, name_of
from dsl.span import Span
from dsl.syntax import (
    Device,
    Kind,
    Let,
    Model,
    Optimizer,
    ParamStmt,
    PhysicsSet,
    Precision,
    Statement,
    Strategy,
)

SORTS: dict[type, str] = {
    ParamStmt: "parameter",
    Let: "constant",
    Device: "device",
    Optimizer: "optimizer",
    Precision: "precision",
    PhysicsSet: "physics",
    Kind: "kind",
    Model: "model",
    Strategy: "strategy",
}


def declared(module: Module, statement: Statement) -> Definition | None:
    """The definition that a declaration makes; None for other statements."""
    sort = SORTS.get(type(statement))
    if sort is None:
        return None
    name = name_of(statement)  # type: ignore[arg-type]
    doc = getattr(statement, "doc", "")
    return Definition(name.text, sort, module.place, name.span, doc, statement, module)


def whole(module: Module) -> Definition:
    """A file as a definition: its start."""
    span = Span(module.place.display, 1, 1, 1, 1)
    return Definition(module.place.display, "module", module.place, span, module=module)


def lookup(module: Module, name: str, *, prelude: bool = True) -> Definition | None:
    """What a simple name stands for in a file, through imports; last the prelude."""
    bound = module.names.get(name)
    match bound:
        case Declared(statement=statement):
            return declared(module, statement)
        case Imported(module=source, name=original):
            return lookup(source, original, prelude=False)
        case Whole(module=inner):
            return replace(whole(inner), name=name)
    if bound is None and prelude:
        for other in module.prelude:
            if (found := lookup(other, name, prelude=False)) is not None:
                return found
    return None


def qualified(module: Module, names: list[str]) -> list[Definition]:
    """What the names of `megatron.sequence_parallel` stand for, as far as they are known."""
    head = lookup(module, names[0])
    if head is None:
        return []
    if head.sort != "module" or len(names) == 1 or head.module is None:
        return [head]
    inner = lookup(head.module, names[1], prelude=False)
    return [head, inner] if inner is not None else [head]


def visible(module: Module) -> Iterator[tuple[str, Definition]]:
    """Every name in sight with what it stands for, own names first."""
    seen: set[str] = set()
    for source in (module, *module.prelude):
        for name in source.names:
            if name not in seen and (found := lookup(source, name, prelude=False)) is not None:
                seen.add(name)
                yield name, found
