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
class Cuts:
    """Which indices may be cut and what that means; fields as in `spec.Operator`."""

    cuttable: tuple[str, ...]
    sums: tuple[str, ...]
    ties: tuple[tuple[str, tuple[str, ...]], ...]


@dataclass(frozen=True, slots=True)
class Costs:
    """Formulas as in `spec.Operator`; `gradients` has (FLOPs, bytes) for every operand."""

    forward_flops: Formula
    forward_traffic: Formula
    gradients: tuple[tuple[Formula, Formula], ...]
    across: tuple[tuple[str, Formula], ...]
    saved_extra: Formula


@dataclass(frozen=True, slots=True)
class BoundKind:
    """What the kind says about operators with these indices; shared by all of them."""

    results: tuple[tuple[str, ...], ...]
    indices: tuple[spec.Index, ...]
    cuts: Cuts
    costs: Costs


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
    taken = used[len(operands) :]
    for indices_of, actual in zip(taken, results, strict=True):
        if len(set(indices_of)) < len(indices_of):
            message = f"this result would have an index twice: {_show(indices_of)}"
            raise report.error("MMP309", message, actual.span)
    return BoundKind(
        tuple(taken), indices, _cuts(kind, bindings, taken), _costs(kind, bindings, report)
    )


def _taken(formal: syntax.Formal, bound: Mapping[str, tuple[str, ...]]) -> tuple[str, ...]:
    return tuple(name for pattern in formal.patterns for name in bound[pattern.name.text])


def _cuts(kind: KindDef, bindings: Bindings, results: Sequence[tuple[str, ...]]) -> Cuts:
    """An index may be cut when it is neither whole nor tied, and in a result or listed by `sum`."""
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
    fixed = {*whole, *(name for name, _ in ties)}
    return Cuts(
        tuple(n for n in order if n not in fixed and (n in in_results or n in summed)),
        tuple(n for n in summed if n not in in_results),
        ties,
    )


def _costs(kind: KindDef, bindings: Bindings, report: Reporter) -> Costs:
    """FLOPs are 0 and traffic is all operands and results once where the kind says nothing."""
    flops = FormulaBinder(bindings, kind.module, units.FLOP, report)
    traffic = FormulaBinder(bindings, kind.module, units.BYTES, report)
    none = Constant(0.0)
    moved = total([Extent(taken, size) for taken, size in bindings.tensors.values()])

    def gradient(operand: str) -> tuple[Formula, Formula]:
        work, bytes_ = kind.flops.gradients.get(operand), kind.traffic.gradients.get(operand)
        return _bound(flops, work, none), _bound(traffic, bytes_, moved)

    return Costs(
        forward_flops=_bound(flops, kind.flops.forward, none),
        forward_traffic=_bound(traffic, kind.traffic.forward, moved),
        gradients=tuple(gradient(formal.name.text) for formal in kind.operands),
        across=tuple(
            (name, traffic.bind(expr))
            for formal, expr in kind.across
            for name in bindings.indices[formal]
        ),
        saved_extra=total([traffic.bind(expr) for expr in kind.saved_extra]),
    )


def _bound(binder: FormulaBinder, expr: syntax.Expr | None, default: Formula) -> Formula:
    return default if expr is None else binder.bind(expr)


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
