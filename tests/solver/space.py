"""Every plan of a tiny spec, parameter storage and schedule aside (`solver/README.md`, section 1).

Layers of one fold share their strategies, in a chain of stages only those of one stage (where the
objective is time); recomputation is a choice only for layers of a repeat and for units that a hard
pin names.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence

from dsl.spec import (
    CutOver,
    Index,
    Operator,
    Recomputed,
    Spec,
    SplitBy,
    StoredOver,
    SubAxis,
    Unit,
    WholeIndex,
)
from solver.verify.decisions import Cuts, Decisions, OperatorChoice, ParameterChoice, TensorChoice
from solver.verify.kinds import kinds_of_stages
from solver.verify.wiring import Wiring, wire

Place = tuple[int, int, int, int]
"""Fold, its stage (0 where stages share), operator number in its unit, operand number (-1: the
operator itself)."""


class Space:
    """The choices of a spec, each as a list of what it may be."""

    def __init__(self, spec: Spec) -> None:
        self.spec = spec
        self.wiring: Wiring = wire(spec.graph)
        self.fold_of = folds(spec, self.wiring)
        self.edges = sorted(
            {
                (write.operator.unit, read.operator.unit)
                for name, write in self.wiring.producers.items()
                for read in self.wiring.readers.get(name, ())
            }
        )
        names = [unit.name for unit in spec.graph.units]
        is_chain = all(pair in self.edges for pair in itertools.pairwise(names))
        one_chunk = spec.train.pipeline.chunks == 1
        self.stages_differ = is_chain and one_chunk and spec.objective[0] != "memory"

    def place(self, operator: Operator, stage_of: Mapping[str, int], operand: int = -1) -> Place:
        """What members of a fold have in common under a stage map."""
        unit = next(u for u in self.spec.graph.units if u.name == operator.unit)
        stage = stage_of[unit.name] if self.stages_differ else 0
        return (self.fold_of[unit.name], stage, unit.operators.index(operator.name), operand)

    def first_read(self, tensor: str, stage_of: Mapping[str, int]) -> Place:
        """The place of a tensor's first reader."""
        read = self.wiring.readers[tensor][0]
        return self.place(read.operator, stage_of, read.operand)

    def bases(self) -> Iterator[Decisions]:
        """All decisions with every parameter whole on every device and no schedule."""
        for pipeline in self.pipelines():
            names = [part.name for part in pipeline]
            free = [part for part in self.spec.mesh.parts if part.name not in names]
            for count in self.microbatch_counts():
                for stage_of in self._stage_maps(math.prod(p.size for p in pipeline)):
                    for recomputed in self._recomputations():
                        yield from self._strategies(free, count, names, stage_of, recomputed)

    # ---- the frame of a plan ---------------------------------------------------------------

    def pipelines(self) -> Iterator[tuple[SubAxis, ...]]:
        wish, parts = self.spec.train.pipeline, self.spec.mesh.parts
        allowed = [p for p in parts if wish.parts is None or p.name in wish.parts]
        high = len(self.spec.graph.units) if wish.high is None else wish.high
        for count in range(len(allowed) + 1):
            for chosen in itertools.combinations(allowed, count):
                kinds = kinds_of_stages(self.spec.mesh, chosen)
                if wish.low <= len(kinds) <= high and all(len(k) == 1 for k in kinds):
                    yield chosen

    def microbatch_counts(self) -> list[int]:
        indices = [i for op in self.spec.graph.operators for i in op.indices]
        indices += [dim for t in self.spec.graph.tensors.values() for dim in t.dims]
        sizes = [index.size for index in indices if index.batch]
        low, high = self.spec.train.microbatches or (1, min(sizes, default=1))
        return [m for m in range(low, high + 1) if all(size % m == 0 for size in sizes)]

    def _stage_maps(self, stages: int) -> Iterator[dict[str, int]]:
        names = [unit.name for unit in self.spec.graph.units]
        for numbers in itertools.product(range(stages), repeat=len(names)):
            found = dict(zip(names, numbers, strict=True))
            ascends = all(found[source] <= found[target] for source, target in self.edges)
            if ascends and len(set(numbers)) == stages:
                yield found

    def _recomputations(self) -> Iterator[dict[str, bool]]:
        units = self.spec.graph.units
        for chosen in itertools.product(*(self.may_recompute(unit) for unit in units)):
            yield dict(zip((unit.name for unit in units), chosen, strict=True))

    def may_recompute(self, unit: Unit) -> tuple[bool, ...]:
        """What recomputation of a unit may be."""
        mode = self.spec.train.recompute
        is_asked = any(
            isinstance(wish, Recomputed) and wish.unit == unit.name and pin.weight is None
            for pin in self.spec.pins
            for wish in pin.requirements
        )
        if mode == "auto" and (unit.repeat or is_asked):
            return (False, True)
        return (mode == "full",)

    # ---- strategies ------------------------------------------------------------------------

    def _strategies(
        self,
        free: Sequence[SubAxis],
        microbatches: int,
        pipeline: Sequence[str],
        stage_of: dict[str, int],
        recomputed: dict[str, bool],
    ) -> Iterator[Decisions]:
        graph = self.spec.graph
        cuts = {
            self.place(op, stage_of): operator_cuts(op, free, microbatches)
            for op in graph.operators
        }
        layouts: dict[Place, list[tuple[Cuts, tuple[str, ...]]]] = {}
        for name in self.wiring.readers:
            if len(self.wiring.readers[name]) > 1:
                layouts[self.first_read(name, stage_of)] = self.layouts(name, free, microbatches)
        for chosen in itertools.product(*cuts.values(), *layouts.values()):
            cut = dict(zip(cuts, chosen[: len(cuts)], strict=True))
            layout = dict(zip(layouts, chosen[len(cuts) :], strict=True))
            yield Decisions(
                operators={
                    op.name: OperatorChoice(
                        cut[self.place(op, stage_of)], stage_of[op.unit], recomputed[op.unit]
                    )
                    for op in graph.operators
                },
                tensors={
                    n: TensorChoice(*layout[self.first_read(n, stage_of)])
                    for n in self.wiring.shared
                },
                parameters={
                    name: ParameterChoice(self._used(name, cut, layout, stage_of), ())
                    for name in self.wiring.parameters
                },
                pipeline=tuple(pipeline),
                microbatches=microbatches,
                family=self.spec.train.pipeline.family,
                schedule=(),
            )

    def layouts(
        self, name: str, free: Sequence[SubAxis], microbatches: int
    ) -> list[tuple[Cuts, tuple[str, ...]]]:
        """Layouts of a tensor read several times: cuts, and sub-axes that stay partial."""
        tensor = self.spec.graph.tensors[name]
        may_be_partial = tensor.role != "parameter" and tensor.needs_gradient
        found = []
        for partial in _subsets(free) if may_be_partial else [()]:
            rest = [part for part in free if part not in partial]
            names = tuple(part.name for part in partial)
            found += [(cuts, names) for cuts in _cuts(tensor.dims, rest, microbatches)]
        return found

    def _used(
        self,
        name: str,
        cut: dict[Place, Cuts],
        layout: dict[Place, tuple[Cuts, tuple[str, ...]]],
        stage_of: Mapping[str, int],
    ) -> Cuts:
        readers = self.wiring.readers[name]
        if len(readers) > 1:
            return layout[self.first_read(name, stage_of)][0]
        chosen = dict(cut[self.place(readers[0].operator, stage_of)])
        dims = [dim.name for dim in self.spec.graph.tensors[name].dims]
        pairs = zip(dims, readers[0].use.indices, strict=True)
        return tuple((dim, chosen[index]) for dim, index in pairs if index in chosen)


def _subsets(parts: Sequence[SubAxis]) -> list[tuple[SubAxis, ...]]:
    return [c for n in range(len(parts) + 1) for c in itertools.combinations(parts, n)]


def operator_cuts(op: Operator, free: Sequence[SubAxis], microbatches: int) -> list[Cuts]:
    return _cuts([i for i in op.indices if i.name in op.cuttable], free, microbatches)


def _cuts(indices: Sequence[Index], free: Sequence[SubAxis], microbatches: int) -> list[Cuts]:
    """Every way to give each sub-axis one index, or none, that leaves no remainder."""
    found = []
    for row in itertools.product([None, *(i.name for i in indices)], repeat=len(free)):
        cuts = []
        for index in indices:
            parts = [p for p, name in zip(free, row, strict=True) if name == index.name]
            size = index.size // microbatches if index.batch else index.size
            if size % math.prod(p.size for p in parts):
                break
            if parts:
                cuts.append((index.name, tuple(p.name for p in parts)))
        else:
            found.append(tuple(cuts))
    return found


# ---- folds ---------------------------------------------------------------------------------


def folds(spec: Spec, wiring: Wiring) -> dict[str, int]:
    """The fold of every unit: consecutive layers of a repeat that are alike in kind, in what they
    read, and in what pins ask of them."""
    found: dict[str, int] = {}
    previous: object = None
    for unit in spec.graph.units:
        alike = _looks(spec, wiring, unit)
        joins = unit.repeat is not None and alike == previous
        found[unit.name] = max(found.values(), default=-1) + (not joins)
        previous = alike
    return found


def _looks(spec: Spec, wiring: Wiring, unit: Unit) -> object:
    rows = []
    for name in unit.operators:
        op = wiring.operators[name]
        reads = [
            (
                spec.graph.tensors[use.tensor].needs_gradient,
                use.tensor if spec.graph.tensors[use.tensor].role == "input" else "",
                len(wiring.readers[use.tensor]),
                _asked(spec, unit, use.tensor),
            )
            for use in op.inputs
        ]
        rows.append((op.kind, op.indices, op.cuttable, reads, _asked(spec, unit, name)))
    return (unit.repeat, rows)


def _asked(spec: Spec, unit: Unit, subject: str) -> list[object]:
    """What pins ask of an operator or parameter, its name aside (stages unfold nothing)."""
    found: list[object] = []
    for number, pin in enumerate(spec.pins):
        for wish in pin.requirements:
            if isinstance(wish, CutOver) and wish.operator == subject:
                found.append((number, wish.index, wish.parts))
            elif isinstance(wish, SplitBy) and wish.operator == subject:
                found.append((number, wish.degrees))
            elif isinstance(wish, WholeIndex) and wish.operator == subject:
                found.append((number, wish.index))
            elif isinstance(wish, StoredOver) and wish.parameter == subject:
                found.append((number, wish.what, wish.parts))
    return found
