"""Identical repeated layers are folded into one class of units with a multiplicity.

All units of a class get the same strategies. Two consecutive units of a repeat are in one class
when they have the same operators with the same sizes, wiring and costs, the same pins, and read
what enters them from the same place: the unit before them or the same operator elsewhere. A pin
on one layer therefore unfolds just that one.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from dsl.spec import (
    Graph,
    OnStage,
    Operator,
    Pin,
    Recomputed,
    RunsBefore,
    Spec,
    StoredOver,
    Unit,
)


@dataclass(frozen=True, slots=True)
class Read:
    """One read of a tensor: input number `position` of an operator."""

    operator: str
    position: int


@dataclass(frozen=True, slots=True)
class UnitClass:
    """Consecutive units with the same strategies. `is_layer`: they are iterations of a repeat, so
    recomputation may be chosen for them."""

    units: tuple[str, ...]
    is_layer: bool


@dataclass(frozen=True, slots=True)
class Wiring:
    """Who writes and who reads every tensor. `is_chain`: every unit but the first reads from the
    unit before it, so that stages form a chain however units are mapped."""

    producer: dict[str, tuple[str, int]]  # tensor -> operator and result number
    reads: dict[str, tuple[Read, ...]]  # tensor -> reads in program order
    operator: dict[str, Operator]
    is_chain: bool

    def is_kept(self, tensor: str, unit: str) -> bool:
        """A unit that is recomputed keeps the tensor as its first reader in it, or the shared
        layout, has it: it comes from outside, and not only measured operators read it."""
        made, _ = self.producer[tensor]
        readers = (self.operator[read.operator] for read in self.reads[tensor])
        here = [reader for reader in readers if reader.unit == unit]
        return self.operator[made].unit != unit and not all(op.variants for op in here)


def wiring(graph: Graph) -> Wiring:
    """Index the graph once."""
    producer: dict[str, tuple[str, int]] = {}
    reads: dict[str, list[Read]] = {}
    for op in graph.operators:
        for number, use in enumerate(op.inputs):
            reads.setdefault(use.tensor, []).append(Read(op.name, number))
        for number, use in enumerate(op.results):
            producer[use.tensor] = (op.name, number)
    return Wiring(
        producer,
        {t: tuple(r) for t, r in reads.items()},
        {op.name: op for op in graph.operators},
        _is_chain(graph, producer),
    )


def _is_chain(graph: Graph, producer: Mapping[str, tuple[str, int]]) -> bool:
    number = {name: u for u, unit in enumerate(graph.units) for name in unit.operators}
    read = ((op.name, producer.get(use.tensor)) for op in graph.operators for use in op.inputs)
    joined = {(number[made[0]], number[name]) for name, made in read if made is not None}
    return all((u - 1, u) in joined for u in range(1, len(graph.units)))


def _requirements_by_subject(pins: Iterable[Pin]) -> dict[str, list[Hashable]]:
    """What the pins ask of each operator, parameter and unit, without the subject's name."""
    found: dict[str, list[Hashable]] = {}
    for number, pin in enumerate(pins):
        for requirement in pin.requirements:
            if isinstance(requirement, StoredOver):
                subject, rest = requirement.parameter, (requirement.what, requirement.parts)
            elif isinstance(requirement, OnStage | Recomputed | RunsBefore):
                # Stages and recomputation are chosen unit by unit, orders for whole chunks, so they
                # unfold nothing.
                continue
            else:
                subject = requirement.operator
                rest = tuple(
                    getattr(requirement, name)
                    for name in type(requirement).__slots__
                    if name != "operator"
                )
            found.setdefault(subject, []).append((number, type(requirement).__name__, rest))
    return found


class _Signatures:
    """Structure of units with every name made relative to the unit."""

    def __init__(self, spec: Spec, wires: Wiring) -> None:
        self.graph, self.wires = spec.graph, wires
        self.wishes = _requirements_by_subject(spec.pins)
        self.unit_of = {op.name: op.unit for op in spec.graph.operators}

    def _tensor(self, name: str, unit: Unit, inside: dict[str, int]) -> Hashable:
        tensor = self.graph.tensors[name]
        dims = tuple((d.size, d.batch) for d in tensor.dims)
        reads = self.wires.reads.get(name, ())
        common = (tensor.role, dims, tensor.element_bytes, tensor.opaque_bytes, len(reads))
        readers = tuple((inside.get(r.operator, -1), r.position) for r in reads)
        made = self.wires.producer.get(name)
        source = inside.get(made[0], -1) if made else -2
        outside = tensor.role == "value" and source < 0
        if tensor.role != "parameter" and not outside and source >= 0:
            # Who reads it outside the unit is told by that reader's own inputs.
            readers = tuple(r for r in readers if r[0] >= 0)
            common = (*common[:4], bool(readers) and len(reads) > 1)
        if tensor.role == "parameter":
            private = all(r[0] >= 0 for r in readers)
            wish = tuple(self.wishes.get(name, ()))
            return ("parameter", common, wish, None if private else name)
        return (source, common, tensor.needs_gradient, readers, unit.name if source == -2 else None)

    def of(self, unit: Unit) -> Hashable:
        """The unit's structure; equal values mean interchangeable units."""
        inside = {name: i for i, name in enumerate(unit.operators)}
        rows: list[Hashable] = []
        for name in unit.operators:
            op = self.wires.operator[name]
            uses = tuple(
                (use.indices, use.formal, use.saved, self._tensor(use.tensor, unit, inside))
                for use in op.inputs + op.results
            )
            rows.append(
                (
                    (op.kind, op.indices, op.cuttable, op.sums, op.ties, op.across, op.engine),
                    (op.efficiency, op.forward_flops, op.forward_traffic, op.gradients),
                    (op.saved_extra, op.variants, len(op.inputs)),
                    uses,
                    tuple(self.wishes.get(name, ())),
                )
            )
        return (unit.repeat, tuple(rows))


def _sources(unit: Unit, position: dict[str, tuple[int, int]], wires: Wiring) -> Hashable:
    """Where the unit's outside values come from, as (class-relative unit, operator) pairs."""
    inside = set(unit.operators)  # membership tests only
    here = position[unit.operators[0]][0]
    found: list[Hashable] = []
    for name in unit.operators:
        for use in wires.operator[name].inputs:
            made = wires.producer.get(use.tensor)
            if made is None or made[0] in inside:
                continue
            there, number = position[made[0]]
            found.append(("before", number, made[1]) if there == here - 1 else ("at", made))
    return tuple(found)


def unfolded(spec: Spec) -> tuple[UnitClass, ...]:
    """Every unit in a class of its own."""
    return tuple(UnitClass((u.name,), u.repeat is not None) for u in spec.graph.units)


def by_stage(
    spec: Spec, classes: Sequence[UnitClass], stage_of: Sequence[int]
) -> tuple[UnitClass, ...]:
    """The classes, each divided into the units of one stage; `stage_of` is by unit of the graph."""
    stage = {unit.name: s for unit, s in zip(spec.graph.units, stage_of, strict=True)}
    found: list[UnitClass] = []
    for each in classes:
        parts: dict[int, list[str]] = {}
        for unit in each.units:
            parts.setdefault(stage[unit], []).append(unit)
        found += [UnitClass(tuple(units), each.is_layer) for units in parts.values()]
    return tuple(found)


def fold(spec: Spec, wires: Wiring) -> tuple[UnitClass, ...]:
    """The unit classes in graph order; every unit is in exactly one."""
    units = spec.graph.units
    position = {
        name: (u, number)
        for u, unit in enumerate(units)
        for number, name in enumerate(unit.operators)
    }
    signatures = _Signatures(spec, wires)
    runs: list[list[Unit]] = []
    previous: Hashable = None
    sources: list[Hashable] = []
    for unit in units:
        signature = signatures.of(unit)
        came = _sources(unit, position, wires)
        joins = unit.repeat is not None and bool(runs) and signature == previous
        if joins and (len(runs[-1]) == 1 or sources[-1] == came):
            runs[-1].append(unit)
        else:
            runs.append([unit])
        previous = signature
        sources.append(came)
    return tuple(UnitClass(tuple(u.name for u in run), run[0].repeat is not None) for run in runs)
