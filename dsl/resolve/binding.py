"""Binding a kind to the indices of one operator: its iteration space, cuts and cost formulas."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from dsl import spec, syntax
from dsl.formula import Constant, Extent, Formula
from dsl.resolve import units
from dsl.resolve.formulas import Bindings, FormulaBinder, total
from dsl.resolve.kinds import KindDef, show_formal
from dsl.resolve.report import Reporter
from dsl.resolve.values import Names
from dsl.span import Span


@dataclass(frozen=True, slots=True)
class IndexEntry:
    """An index where it is declared; `order` counts declarations of the model."""

    index: spec.Index
    order: int


@dataclass(frozen=True, slots=True)
class Actual:
    """An operand or result as the operator reads or writes it. `indices` None: to be inferred."""

    indices: tuple[str, ...] | None
    element_bytes: float
    span: Span


@dataclass(frozen=True, slots=True)
class BoundKind:
    """What the kind says about operators with these indices; shared by all of them.

    `gradients` has (FLOPs, bytes) for every operand. `operands` and `results` are their indices.
    """

    operands: tuple[tuple[str, ...], ...]
    results: tuple[tuple[str, ...], ...]
    indices: tuple[spec.Index, ...]
    cuttable: tuple[str, ...]
    sums: tuple[str, ...]
    ties: tuple[tuple[str, tuple[str, ...]], ...]
    across: tuple[tuple[str, Formula], ...]
    forward_flops: Formula
    forward_traffic: Formula
    gradients: tuple[tuple[Formula, Formula], ...]
    saved_extra: Formula


def match_indices(
    kind: KindDef,
    operands: Sequence[Actual],
    results: Sequence[Actual],
    call: Span,
    report: Reporter,
) -> dict[str, tuple[str, ...]]:
    """Which indices each formal index or group of the kind stands for, by position.

    Errors: MMP306 for a wrong number of operands, results or indices or one formal bound to two
    different things; MMP308 when a result without indices has a formal no operand binds.
    """
    _check_count(kind, "operand", len(kind.operands), len(operands), call, report)
    _check_count(kind, "result", len(kind.results), len(results), call, report)
    bound: dict[str, tuple[str, ...]] = {}
    owner: dict[str, str] = {}
    formals = (*kind.operands, *kind.results)
    for formal, actual in zip(formals, (*operands, *results), strict=True):
        if actual.indices is None:
            continue
        for pattern, taken in _by_position(kind, formal, actual.indices, actual.span, report):
            name = pattern.name.text
            if bound.setdefault(name, taken) != taken:
                message = (
                    f"`{name}` of `{kind.name}` is {_show(bound[name])} in `{owner[name]}`"
                    f" and {_show(taken)} here"
                )
                hint = f"the kind is `{kind.signature}`"
                raise report.error("MMP306", message, actual.span, hint=hint)
            owner.setdefault(name, formal.name.text)
    for formal, actual in zip(kind.results, results, strict=True):
        missing = [p.name.text for p in formal.patterns if p.name.text not in bound]
        if actual.indices is None and missing:
            message = f"the indices of this result do not follow from the operands (`{missing[0]}`)"
            hint = f"the kind is `{kind.signature}`"
            raise report.error("MMP308", message, actual.span, hint=hint)
    return bound


def _check_count(
    kind: KindDef, what: str, wanted: int, found: int, call: Span, report: Reporter
) -> None:
    if wanted != found:
        message = f"`{kind.name}` has {wanted} {what}{'s' * (wanted != 1)}, found {found}"
        hint = f"the kind is `{kind.signature}`"
        raise report.error("MMP306", message, call, hint=hint)


def _show(indices: tuple[str, ...]) -> str:
    return f"`{', '.join(indices)}`" if indices else "nothing"


def _by_position(
    kind: KindDef,
    formal: syntax.Formal,
    indices: tuple[str, ...],
    span: Span,
    report: Reporter,
) -> list[tuple[syntax.Pattern, tuple[str, ...]]]:
    """Each pattern with the indices it takes; a group takes what the others leave."""
    patterns = formal.patterns
    spare = len(indices) - sum(not pattern.is_many for pattern in patterns)
    has_group = any(pattern.is_many for pattern in patterns)
    if spare < 0 or (spare > 0 and not has_group):
        message = (
            f"`{kind.name}` takes `{show_formal(formal)}` here, found "
            f"{len(indices)} {'index' if len(indices) == 1 else 'indices'}"
        )
        raise report.error("MMP306", message, span)
    taken: list[tuple[syntax.Pattern, tuple[str, ...]]] = []
    position = 0
    for pattern in patterns:
        width = spare if pattern.is_many else 1
        taken.append((pattern, indices[position : position + width]))
        position += width
    return taken


def bind_kind(
    kind: KindDef,
    operands: Sequence[Actual],
    results: Sequence[Actual],
    entries: Mapping[str, IndexEntry],
    call: Span,
    report: Reporter,
) -> BoundKind:
    """Everything the kind says about an operator with these operands and results.

    `entries` are the indices in sight. Canonical order of the iteration space: batch indices
    first, then by declaration. RejectedError as by `match_indices` and `FormulaBinder.bind`.
    """
    bound = match_indices(kind, operands, results, call, report)
    formals = (*kind.operands, *kind.results)
    used = [
        _taken(formal, bound) if actual.indices is None else actual.indices
        for formal, actual in zip(formals, (*operands, *results), strict=True)
    ]
    names = {name for indices in used for name in indices}
    space = sorted(
        (entries[name] for name in sorted(names)),
        key=lambda entry: (not entry.index.batch, entry.order),
    )
    indices = tuple(entry.index for entry in space)
    tensors = {
        formal.name.text: (taken, actual.element_bytes)
        for formal, taken, actual in zip(formals, used, (*operands, *results), strict=True)
    }
    bindings = Bindings(bound, tensors, tuple(index.name for index in indices))
    split = len(operands)
    return _laid_out(kind, bindings, used[:split], used[split:], indices, kind.module, report)


def _taken(formal: syntax.Formal, bound: Mapping[str, tuple[str, ...]]) -> tuple[str, ...]:
    return tuple(name for pattern in formal.patterns for name in bound[pattern.name.text])


def _laid_out(
    kind: KindDef,
    bindings: Bindings,
    operands: Sequence[tuple[str, ...]],
    results: Sequence[tuple[str, ...]],
    indices: tuple[spec.Index, ...],
    names: Names,
    report: Reporter,
) -> BoundKind:
    order = bindings.space

    def stands_for(formals: Sequence[str]) -> tuple[str, ...]:
        found = {name for formal in formals for name in bindings.indices[formal]}
        return tuple(name for name in order if name in found)

    in_results = {name for taken in results for name in taken}
    whole, summed = stands_for(kind.whole), stands_for(kind.sums)
    ties = tuple(
        (name, stands_for(drivers))
        for formal, drivers in kind.ties
        for name in bindings.indices[formal]
    )
    tied = [name for name, _ in ties]
    flops = FormulaBinder(bindings, names, units.FLOP, report)
    traffic = FormulaBinder(bindings, names, units.BYTES, report)
    moved: Formula = total([Extent(t, size) for t, size in bindings.tensors.values()])
    none = Constant(0.0)

    def cost(binder: FormulaBinder, expr: syntax.Expr | None, default: Formula) -> Formula:
        return default if expr is None else binder.bind(expr)

    return BoundKind(
        operands=tuple(operands),
        results=tuple(results),
        indices=indices,
        cuttable=tuple(
            name
            for name in order
            if name not in whole and name not in tied and (name in in_results or name in summed)
        ),
        sums=tuple(name for name in summed if name not in in_results),
        ties=ties,
        across=tuple(
            (name, traffic.bind(expr))
            for formal, expr in kind.across
            for name in bindings.indices[formal]
        ),
        forward_flops=cost(flops, kind.flops.forward, none),
        forward_traffic=cost(traffic, kind.traffic.forward, moved),
        gradients=tuple(
            (
                cost(flops, kind.flops.gradients.get(formal.name.text), none),
                cost(traffic, kind.traffic.gradients.get(formal.name.text), moved),
            )
            for formal in kind.operands
        ),
        saved_extra=total([traffic.bind(expr) for expr in kind.saved_extra]),
    )


def check_kind(kind: KindDef, report: Reporter) -> None:
    """Bind the kind to indices named as its formal ones: finds mistakes in unused kinds too."""
    formals = (*kind.operands, *kind.results)
    names = list(dict.fromkeys(p.name.text for formal in formals for p in formal.patterns))
    entries = {
        name: IndexEntry(spec.Index(name, 1, False), order) for order, name in enumerate(names)
    }
    actuals = [
        Actual(tuple(p.name.text for p in formal.patterns), 1.0, formal.span) for formal in formals
    ]
    split = len(kind.operands)
    bind_kind(kind, actuals[:split], actuals[split:], entries, kind.span, report)
