"""Operator kinds: checking a declaration and laying it out for binding."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar, cast

from dsl import syntax
from dsl.diagnostic import Label
from dsl.resolve.fields import efficiency
from dsl.resolve.modules import Module
from dsl.resolve.report import Reporter
from dsl.span import Span
from dsl.spec import Engine
from dsl.suggest import did_you_mean

ENGINES: tuple[Engine, ...] = ("tensor", "attention", "vector")


@dataclass(frozen=True, slots=True)
class Costs:
    """The formulas of `flops` or of `traffic`: of the forward, and by operand of the gradients."""

    forward: syntax.Expr | None
    gradients: dict[str, syntax.Expr]


@dataclass(frozen=True, slots=True)
class KindDef:
    """A checked kind. Names are formal: indices (a group `heads..` by its name) and operands."""

    name: str
    module: Module
    operands: tuple[syntax.Formal, ...]
    results: tuple[syntax.Formal, ...]
    engine: Engine
    efficiency: float
    flops: Costs
    traffic: Costs
    saves: frozenset[str]
    saved_extra: tuple[syntax.Expr, ...]
    whole: tuple[str, ...]
    sums: tuple[str, ...]
    ties: tuple[tuple[str, tuple[str, ...]], ...]
    across: tuple[tuple[str, syntax.Expr], ...]
    span: Span

    @property
    def signature(self) -> str:
        """The declaration's head as written, for messages."""
        operands = ", ".join(show_formal(formal) for formal in self.operands)
        results = ", ".join(show_formal(formal) for formal in self.results)
        return f"{self.name}({operands}) -> {results}"


def show_formal(formal: syntax.Formal) -> str:
    """`q[b, s, heads.., k]`."""
    entries = (p.name.text + (".." if p.is_many else "") for p in formal.patterns)
    return f"{formal.name.text}[{', '.join(entries)}]"


def resolve_kind(statement: syntax.Kind, module: Module, report: Reporter) -> KindDef:
    """The kind with its names checked; formulas are checked when they are bound.

    Errors (MMP310) for a name given twice, two groups in one list, unknown names, an engine or a
    formula given twice.
    """
    formals = (*statement.operands, *statement.results)
    _check_formals(formals, report)
    indices = [p.name.text for formal in formals for p in formal.patterns]
    tensors = [formal.name.text for formal in formals]
    operands = [formal.name.text for formal in statement.operands]
    items = statement.items
    saves = _only((i for i in items if isinstance(i, syntax.Saves)), report)
    engine = _only((i for i in items if isinstance(i, syntax.Engine)), report)
    if saves is not None:
        _known(saves.operands, tensors, "operand or result", report)
    if engine is not None:
        _known((engine.name,), ENGINES, "engine", report)
    return KindDef(
        statement.name.text,
        module,
        statement.operands,
        statement.results,
        cast(Engine, engine.name.text if engine else "vector"),
        efficiency(engine.efficiency if engine else None, module, report),
        _costs("flops", items, operands, report),
        _costs("traffic", items, operands, report),
        frozenset(name.text for name in saves.operands) if saves else frozenset(),
        saves.extra_bytes if saves else (),
        _listed(
            [n for i in items if isinstance(i, syntax.Whole) for n in i.names], indices, report
        ),
        _listed([n for i in items if isinstance(i, syntax.Sum) for n in i.names], indices, report),
        _ties(items, indices, report),
        _across(items, indices, report),
        statement.span,
    )


Items = Sequence[
    syntax.Engine
    | syntax.Formula
    | syntax.Saves
    | syntax.Whole
    | syntax.Sum
    | syntax.Tie
    | syntax.Across
]


def _check_formals(formals: Sequence[syntax.Formal], report: Reporter) -> None:
    seen: dict[str, syntax.Name] = {}
    groups: dict[str, syntax.Pattern] = {}
    for formal in formals:
        _not_twice(formal.name, seen, report)
        own: dict[str, syntax.Name] = {}
        many = [pattern for pattern in formal.patterns if pattern.is_many]
        if len(many) > 1:
            message = f"`{formal.name.text}` has two groups `..`; which takes what is ambiguous"
            raise report.error("MMP310", message, many[1].span)
        for pattern in formal.patterns:
            _not_twice(pattern.name, own, report)
            first = groups.setdefault(pattern.name.text, pattern)
            if first.is_many != pattern.is_many:
                message = f"`{pattern.name.text}` is a group in one place and an index in another"
                label = Label(first.span, "first here")
                raise report.error("MMP310", message, pattern.span, label)


def _not_twice(name: syntax.Name, seen: dict[str, syntax.Name], report: Reporter) -> None:
    if name.text in seen:
        label = Label(seen[name.text].span, "first here")
        raise report.error("MMP310", f"`{name.text}` is named twice", name.span, label)
    seen[name.text] = name


Item = TypeVar("Item", syntax.Saves, syntax.Engine)


def _only(items: Iterable[Item], report: Reporter) -> Item | None:
    """The one item of its sort, None when there is none."""
    found = list(items)
    if len(found) > 1:
        label = Label(found[0].span, "first given here")
        raise report.error("MMP310", "this is given twice", found[1].span, label)
    return found[0] if found else None


def _known(names: Iterable[syntax.Name], known: Sequence[str], what: str, report: Reporter) -> None:
    for name in names:
        if name.text not in known:
            hint = did_you_mean(name.text, known) or "there are " + ", ".join(dict.fromkeys(known))
            raise report.error("MMP310", f"no {what} `{name.text}`", name.span, hint=hint)


def _listed(
    names: Sequence[syntax.Name], indices: Sequence[str], report: Reporter
) -> tuple[str, ...]:
    _known(names, indices, "index", report)
    return tuple(dict.fromkeys(name.text for name in names))


def _costs(quantity: str, items: Items, operands: Sequence[str], report: Reporter) -> Costs:
    forward: syntax.Formula | None = None
    gradients: dict[str, syntax.Formula] = {}
    for item in items:
        if not isinstance(item, syntax.Formula) or item.quantity != quantity:
            continue
        if item.gradient_of is None:
            first, forward = forward, item
        else:
            _known((item.gradient_of,), operands, "operand", report)
            first = gradients.get(item.gradient_of.text)
            gradients[item.gradient_of.text] = item
        if first is not None:
            label = Label(first.span, "first given here")
            raise report.error("MMP310", f"this `{quantity}` is given twice", item.span, label)
    values = {name: formula.value for name, formula in gradients.items()}
    return Costs(forward.value if forward else None, values)


def _ties(
    items: Items, indices: Sequence[str], report: Reporter
) -> tuple[tuple[str, tuple[str, ...]], ...]:
    ties = [item for item in items if isinstance(item, syntax.Tie)]
    seen: dict[str, syntax.Name] = {}
    for item in ties:
        _not_twice(item.name, seen, report)
    for item in ties:
        _known((item.name, *item.to), indices, "index", report)
        for driver in item.to:
            if driver.text in seen:
                message = f"`{driver.text}` is tied itself, so nothing can be tied to it"
                raise report.error("MMP310", message, driver.span)
    return tuple((item.name.text, tuple(name.text for name in item.to)) for item in ties)


def _across(
    items: Items, indices: Sequence[str], report: Reporter
) -> tuple[tuple[str, syntax.Expr], ...]:
    found = [item for item in items if isinstance(item, syntax.Across)]
    _known((item.name for item in found), indices, "index", report)
    return tuple((item.name.text, item.bytes) for item in found)
