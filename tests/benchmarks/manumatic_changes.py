"""What differs between two plans of one model and mesh, folded into few rows."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator
from dataclasses import dataclass

from dsl.spec import CutOver, Recomputed, Requirement, Spec, SplitBy, WholeIndex
from solver.cli.report.names import fold
from solver.cli.report.view import View
from solver.verify.figures import Call, Figures

_STORED = {1: "ZeRO-1", 2: "ZeRO-2", 3: "ZeRO-3"}


@dataclass(frozen=True, slots=True)
class Change:
    """Things alike before and alike after; `is_named`: a pin of the second plan names them."""

    names: tuple[str, ...]
    before: str
    after: str
    is_named: bool


@dataclass(frozen=True, slots=True)
class Traffic:
    """Collectives of one kind in a step, of the mean device: seconds before overlap, and bytes."""

    seconds: float
    bytes: float


Kind = tuple[str, str, str]
"""Collective, what it carries, and the axes it runs over."""


def named_operators(spec: Spec) -> frozenset[str]:
    """The operators that any pin names."""
    units = {unit.name: unit.operators for unit in spec.graph.units}
    wishes = (wish for pin in spec.pins for wish in pin.requirements)
    return frozenset(name for wish in wishes for name in _named(wish, units))


def _named(wish: Requirement, units: dict[str, tuple[str, ...]]) -> tuple[str, ...]:
    match wish:
        case CutOver() | SplitBy() | WholeIndex():
            return (wish.operator,)
        case Recomputed():
            return units[wish.unit]
        case _:
            return ()


def operators(before: View, after: View) -> list[Change]:
    """The operators that are cut in another way."""
    named = named_operators(after.spec)
    rows = ((n, cuts(before, n), cuts(after, n), n in named) for n in after.operators)
    return _changed(rows)


def parameters(before: View, after: View) -> list[Change]:
    """The parameters that are cut or stored in another way; the pins of the cases name none."""
    rows = ((n, storage(before, n), storage(after, n), False) for n in after.document["parameters"])
    return _changed(rows)


def tensors(before: View, after: View) -> list[Change]:
    """The tensors between several readers whose layout is another; no pin can name one."""
    rows = ((n, layout(before, n), layout(after, n), False) for n in after.document["tensors"])
    return _changed(rows)


def _changed(rows: Iterable[tuple[str, str, str, bool]]) -> list[Change]:
    different = [(name, (old, new, named)) for name, old, new, named in rows if old != new]
    alike: dict[Hashable, list[str]] = {}
    for names, signature in fold(different):
        alike.setdefault(signature, []).append(names)
    return [
        Change(tuple(alike[signature]), *signature)
        for signature in dict.fromkeys(signature for _, signature in different)
    ]


def cuts(view: View, operator: str) -> str:
    """`b/node, f/gpu`."""
    return _cuts(view, view.cuts(operator))


def storage(view: View, parameter: str) -> str:
    """`f/gpu, ZeRO-1 over node`: how a parameter is cut where it is used, then how it is stored."""
    entry = view.document["parameters"][parameter]
    over: dict[int, list[str]] = {}
    for axis in view.spec.mesh.axes:
        over.setdefault(entry["levels"].get(axis.name, 0), []).append(axis.name)
    stored = [f"{_STORED[x]} over {','.join(over[x])}" for x in sorted(over) if x]
    return ", ".join([_cuts(view, entry["used"]), *stored])


def layout(view: View, tensor: str) -> str:
    """`b/node, partial over gpu`."""
    entry = view.document["tensors"][tensor]
    partial = [f"partial over {view.axes(entry['partial'])}"] if entry["partial"] else []
    return ", ".join([_cuts(view, entry["cuts"]), *partial])


def _cuts(view: View, by_index: dict[str, list[str]]) -> str:
    words = [f"{index}/{view.axes(parts)}" for index, parts in by_index.items() if parts]
    return ", ".join(words) or "whole"


def traffic(view: View, figures: Figures) -> dict[Kind, Traffic]:
    """Every kind of collective in a step of the mean device."""
    stages = len(figures.stages)
    found: dict[Kind, Traffic] = {}
    for kind, call in _kinds(view, figures.calls):
        old = found.get(kind, Traffic(0.0, 0.0))
        share = call.count / stages
        found[kind] = Traffic(old.seconds + share * call.seconds, old.bytes + share * call.bytes)
    return found


def _kinds(view: View, calls: Iterable[Call]) -> Iterator[tuple[Kind, Call]]:
    """Collectives of parameters and gradients are listed under the parameter's own name."""
    for call in calls:
        of = "parameters" if call.operator in view.document["parameters"] else "activations"
        yield (call.collective.replace("_", "-"), of, view.axes(call.axes)), call


def layers_by_stage(view: View) -> str:
    """How many layers of a `repeat` every stage holds."""
    repeated = {unit.name for unit in view.spec.graph.units if unit.repeat is not None}
    return " ".join(str(len(repeated & set(stage["units"]))) for stage in view.stages)
