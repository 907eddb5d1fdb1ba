"""From a plan and its spec to the program that PyTorch runs."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from dsl.spec import Operator as SpecOperator
from dsl.spec import Tensor, Use
from solver.execution.lowering import Operator as Action
from solver.execution.orders import Pipeline
from solver.reference.families import Families, families
from solver.reference.runtime.program import (
    PARTIAL,
    WHOLE,
    Axis,
    Chunk,
    Dim,
    Layout,
    Operator,
    Port,
    Program,
    Shared,
    Unit,
    Value,
    Weight,
    with_indices,
)
from solver.reference.sizes import Key, Sizes, experts_of_a_token, shrink
from solver.verify.plan import Plan
from solver.verify.storage import hold
from solver.verify.wiring import Read, Write

STANDIN = Dim("hidden", 8)
ROWS = Dim("rows", 2)
_ROW = (ROWS.name, STANDIN.name)
"""What passes between operators of which only times and bytes are known."""


class ProgramError(Exception):
    """A plan that has no program: (kind of place, its name, message) of each reason."""

    def __init__(self, reasons: list[tuple[str, str, str]]) -> None:
        self.reasons = tuple(reasons)
        super().__init__("; ".join(message for _, _, message in reasons))


@dataclass(frozen=True, slots=True)
class Lowering:
    """`kept` are the numbers of the sharding axes that the program has, of those of the plan."""

    plan: Plan
    kept: tuple[int, ...]
    families: Families
    sizes: Sizes

    def layout(self, layout: tuple[int, ...]) -> Layout:
        """A layout of the plan over the axes that are kept."""
        return tuple(layout[axis] for axis in self.kept)

    def ways(self, axes: tuple[int, ...]) -> int:
        """The product of the sizes of axes of the program."""
        return math.prod(self.plan.frame.parts[self.kept[axis]].size for axis in axes)


def program(
    plan: Plan, pipeline: Pipeline, kept: tuple[int, ...] | None = None, *, small: bool = False
) -> Program:
    """The program of a plan: at its true sizes, or at small ones that its cuts divide.

    `kept` are the numbers of the sharding axes (`plan.frame.parts`) that it has; the others are
    taken to be one device wide. Raises ProgramError for what no program has.
    """
    axes = tuple(range(len(plan.frame.parts))) if kept is None else kept
    lowering = Lowering(plan, axes, families(plan, axes), Sizes(plan.frame))
    if small:
        shrink(lowering.sizes, plan.spec.graph.operators, _needs(lowering))
    made = _Maker(lowering)
    found = Program(
        mesh=_mesh(lowering),
        microbatches=plan.frame.microbatches,
        values=made.values(),
        weights=made.weights(),
        operators={o.name: made.operator(o) for o in plan.spec.graph.operators},
        shared=made.shared(),
        units={
            u.name: Unit(u.name, u.operators, plan.recomputed[u.name])
            for u in plan.spec.graph.units
        },
        chunks=_chunks(lowering),
        schedule=schedule(pipeline),
        outputs=plan.spec.graph.outputs,
    )
    if made.reasons:
        raise ProgramError(made.reasons)
    return with_indices(found)


def schedule(pipeline: Pipeline) -> tuple[tuple[str, ...], ...]:
    """The rows of the schedule as PyTorch reads them."""

    def cell(action: Action) -> str:
        letters = {"F": "F", "B": "B" if pipeline.fused[action.chunk] else "I", "W": "W"}
        return f"{action.chunk}{letters[action.phase]}{action.microbatch}"

    return tuple(tuple(cell(action) for action in order) for order in pipeline.orders)


def axis_name(name: str) -> str:
    """The name of a sub-axis as that of a mesh dimension: `gpu.0` -> `gpu_0`."""
    return name.replace(".", "_")


def _mesh(lowering: Lowering) -> tuple[Axis, ...]:
    plan = lowering.plan
    across = {part.name for part in plan.pipeline}
    kept = {plan.frame.parts[axis].name for axis in lowering.kept}
    return tuple(
        Axis(axis_name(part.name), part.size, part.name in across)
        for part in plan.spec.mesh.parts
        if part.name in across or part.name in kept
    )


def _chunks(lowering: Lowering) -> tuple[Chunk, ...]:
    """Chunks with what passes between neighbours, in the order in which it is made."""
    plan = lowering.plan
    graph = plan.spec.graph
    place = {
        name: plan.virtual_stage_of[unit.name] for unit in graph.units for name in unit.operators
    }
    made = {use.tensor: place[o.name] for o in graph.operators for use in o.results}
    last = len(plan.places) - 1
    between: list[dict[str, None]] = [{} for _ in range(len(plan.places) + 1)]
    for tensor in made:
        for read in plan.wiring.readers.get(tensor, ()):
            if place[read.operator.name] > made[tensor]:
                between[place[read.operator.name]].setdefault(tensor)
    outputs = tuple(graph.outputs)
    return tuple(
        Chunk(
            stage,
            tuple(unit.name for unit in plan.units_in(chunk)),
            tuple(between[chunk]),
            outputs if chunk == last else tuple(between[chunk + 1]),
        )
        for chunk, stage in enumerate(plan.places)
    )


def _needs(lowering: Lowering) -> dict[Key, int]:
    """What must divide the size of every index: the axes that cut it anywhere, and those that store
    a parameter finer."""
    found: dict[Key, int] = {}
    plan = lowering.plan

    def need(key: Key, ways: int) -> None:
        found[key] = math.lcm(found.get(key, 1), ways)

    for operator in plan.spec.graph.operators:
        for index in operator.indices:
            member = ("operator", operator.name, index.name)
            need(lowering.sizes.key(index), lowering.ways(lowering.families.cut_by(member)))
    for name in plan.wiring.parameters:
        held = hold(plan, name)
        finer = {part.name for part in held.optimizer}
        for at, dim in enumerate(plan.spec.graph.tensors[name].dims):
            axes = lowering.families.cut_by(("tensor", name, at))
            extra = [
                axis
                for axis, old in enumerate(lowering.kept)
                if plan.frame.parts[old].name in finer and axis not in axes
            ]
            need(lowering.sizes.key(dim), lowering.ways(axes) * lowering.ways(tuple(extra)))
    return found


class _Maker:
    """The parts of a program; what cannot be made is added to `reasons`."""

    def __init__(self, lowering: Lowering) -> None:
        self.lowering = lowering
        self.plan = lowering.plan
        self.reasons: list[tuple[str, str, str]] = []

    def values(self) -> dict[str, Value]:
        """All inputs and activations."""
        tensors = self.plan.spec.graph.tensors
        return {n: self._value(t) for n, t in tensors.items() if t.role != "parameter"}

    def weights(self) -> dict[str, Weight]:
        """All parameters, and those of what stands in for measured operators."""
        found = {name: self._weight(name) for name in self.plan.wiring.parameters}
        count = len(self.lowering.kept)
        for operator in self.plan.spec.graph.operators:
            if operator.variants:
                whole = (WHOLE,) * count
                name = f"{operator.name}.w"
                dims = (STANDIN, Dim("out", STANDIN.size))
                found[name] = Weight(name, dims, whole, whole, whole, whole, ())
        return found

    def shared(self) -> dict[str, Shared]:
        """The shared layouts."""
        layout, plan = self.lowering.layout, self.plan
        return {
            name: Shared(name, layout(plan.shared_layout(name)), layout(plan.shared_gradient(name)))
            for name in plan.wiring.shared
            if plan.spec.graph.tensors[name].opaque_bytes is None
        }

    def operator(self, operator: SpecOperator) -> Operator:
        """An operator with its layouts."""
        if operator.variants:
            return self._measured(operator)
        sharding = self.plan.shardings[operator.name]
        cuts = tuple(sharding.cut[axis] for axis in self.lowering.kept)
        return Operator(
            name=operator.name,
            kind=operator.kind,
            reads=tuple(self._read(operator, at) for at in range(len(operator.inputs))),
            writes=tuple(self._write(operator, use) for use in operator.results),
            indices={},
            cuts=cuts,
            options=self._options(operator),
            groups=self._groups(operator, cuts),
        )

    def _read(self, operator: SpecOperator, at: int) -> Port:
        read, use = Read(operator, at), operator.inputs[at]
        tensor = self.plan.spec.graph.tensors[use.tensor]
        layout = self.lowering.layout
        gradient = None
        if tensor.needs_gradient and read.has_gradient:
            gradient = layout(self.plan.read_gradient(read))
        return Port(use.tensor, use.indices, layout(self.plan.read_layout(read)), gradient)

    def _write(self, operator: SpecOperator, use: Use) -> Port:
        made = self.lowering.layout(self.plan.produced(Write(operator, use)))
        needed = tuple(WHOLE if at == PARTIAL else at for at in made)
        trained = self.plan.spec.graph.tensors[use.tensor].needs_gradient
        return Port(use.tensor, use.indices, made, needed if trained else None)

    def _measured(self, operator: SpecOperator) -> Operator:
        """What stands in for an operator without arithmetic: never cut, with one small weight."""
        whole = (WHOLE,) * len(self.lowering.kept)
        tensors = self.plan.spec.graph.tensors
        reads = [
            Port(use.tensor, _ROW, whole, None if tensors[use.tensor].role == "input" else whole)
            for use in operator.inputs
        ]
        reads.append(Port(f"{operator.name}.w", ("hidden", "out"), whole, whole))
        writes = tuple(Port(use.tensor, _ROW, whole, whole) for use in operator.results)
        return Operator(operator.name, "measured", tuple(reads), writes, {}, ((),) * len(whole), {})

    def _value(self, tensor: Tensor) -> Value:
        if tensor.opaque_bytes is not None:
            return Value(tensor.name, (ROWS, STANDIN))
        dims = tuple(
            self._dim(("tensor", tensor.name, at), dim.name, self.lowering.sizes.of(dim))
            for at, dim in enumerate(tensor.dims)
        )
        if tensor.role != "input":
            return Value(tensor.name, dims)
        readers = self.plan.wiring.readers.get(tensor.name, ())
        if any(read.operator.variants for read in readers):
            return Value(tensor.name, (ROWS, STANDIN), is_input=True)
        below = [self._rows(read) for read in readers if _counts(read)]
        return Value(tensor.name, dims, True, bool(below), min(below, default=0))

    def _rows(self, read: Read) -> int:
        """How many rows the table, or logits a row, has that numbers of an input point at."""
        operator = read.operator
        index = (
            operator.inputs[1].indices[0] if read.operand == 0 else (operator.inputs[0].indices[-1])
        )
        sizes = {i.name: self.lowering.sizes.of(i) for i in operator.indices}
        return sizes[index]

    def _weight(self, name: str) -> Weight:
        held = hold(self.plan, name)
        tensor = self.plan.spec.graph.tensors[name]
        parts = [self.plan.frame.parts[axis].name for axis in self.lowering.kept]
        finest = [axis for axis, part in enumerate(parts) if part in _names(held.optimizer)]
        used = self.lowering.layout(held.used)
        home = self._home(tensor, used, finest)
        dims = tuple(
            self._stored_dim(
                name, at, self.lowering.sizes.of(dim), dim.name, finest if at == home else []
            )
            for at, dim in enumerate(tensor.dims)
        )

        def stored(over: set[str]) -> Layout:
            return tuple(
                home if part in over and at == WHOLE else at
                for part, at in zip(parts, used, strict=True)
            )

        return Weight(
            name,
            dims,
            used,
            stored(_names(held.weights)),
            stored(_names(held.gradients)),
            stored(_names(held.optimizer)),
            tuple(axis for axis, part in enumerate(parts) if part in _names(held.reduced)),
            held.trained,
        )

    def _home(self, tensor: Tensor, used: Layout, finest: list[int]) -> int:
        """The first dimension that the storage of a parameter divides."""
        ways = self.lowering.ways(tuple(finest))
        for at, dim in enumerate(tensor.dims):
            axes = self.lowering.families.cut_by(("tensor", tensor.name, at))
            joint = set(axes) | set(finest)
            if self.lowering.sizes.of(dim) % self.lowering.ways(tuple(joint)) == 0:
                return at
        if finest:
            message = f"no dimension of `{tensor.name}` can be stored in {ways} equal pieces"
            self.reasons.append(("parameters", tensor.name, message))
        return 0

    def _stored_dim(self, name: str, at: int, size: int, label: str, extra: list[int]) -> Dim:
        axes = self.lowering.families.cut_by(("tensor", name, at))
        return self._checked(
            ("parameters", name), Dim(label, size, (*axes, *(a for a in extra if a not in axes)))
        )

    def _dim(self, member: tuple[str, str, str | int], label: str, size: int) -> Dim:
        axes = self.lowering.families.cut_by(member)
        place = "operators" if member[0] == "operator" else "tensors"
        return self._checked((place, member[1]), Dim(label, size, axes))

    def _checked(self, place: tuple[str, str], dim: Dim) -> Dim:
        ways = self.lowering.ways(dim.cut_by)
        if dim.size % ways:
            names = ", ".join(
                self.plan.frame.parts[self.lowering.kept[axis]].name for axis in dim.cut_by
            )
            message = (
                f"`{dim.name}` of `{place[1]}`, {dim.size} elements, is cut by one of {names} here "
                f"and by others elsewhere; {ways} places for its elements do not divide it"
            )
            self.reasons.append((*place, message))
        return dim

    def _options(self, operator: SpecOperator) -> Mapping[str, float]:
        if operator.kind != "top_k":
            return {}
        gate = operator.results[0].tensor
        for read in self.plan.wiring.readers.get(gate, ()):
            if read.operator.kind == "dispatch":
                sizes = {i.name: self.plan.frame.size(i) for i in read.operator.indices}
                b, s = read.operator.inputs[0].indices[:2]
                e, c = read.operator.results[0].indices[:2]
                k = experts_of_a_token(sizes[c], sizes[e], sizes[b] * sizes[s])
                return {"k": max(1, math.floor(k + 0.01))}
        return {"k": 1}

    def _groups(
        self, operator: SpecOperator, cuts: tuple[tuple[str, ...], ...]
    ) -> tuple[tuple[int, str], ...]:
        """Which axes keep tokens apart, and in which index: those of `dispatch`, and the same for
        its `combine`."""
        if operator.kind not in ("dispatch", "combine"):
            return ()
        port = operator.inputs[0] if operator.kind == "dispatch" else operator.results[0]
        drivers = port.indices[:2]
        own = tuple((a, n) for a, names in enumerate(cuts) for n in names if n in drivers)
        if operator.kind == "combine" and own != self._dispatched(operator):
            message = (
                f"`{operator.name}` cuts tokens in another way than the operator that sent them"
            )
            self.reasons.append(("operators", operator.name, message))
        return own

    def _dispatched(self, combine: SpecOperator) -> tuple[tuple[int, str], ...]:
        """The groups of the operator that the gates of a `combine` also go to."""
        gate = combine.inputs[1].tensor
        for read in self.plan.wiring.readers[gate]:
            if read.operator.kind == "dispatch":
                sharding = self.plan.shardings[read.operator.name]
                cuts = tuple(sharding.cut[axis] for axis in self.lowering.kept)
                mine = dict(
                    zip(read.operator.inputs[0].indices, combine.results[0].indices, strict=False)
                )
                found = self._groups(read.operator, cuts)
                return tuple((axis, mine[name]) for axis, name in found)
        return ()


def _names(parts: object) -> set[str]:
    return {part.name for part in parts}  # type: ignore[attr-defined]


def _counts(read: Read) -> bool:
    """Whether an input is read as numbers of rows: tokens of a table, or targets."""
    kinds = {"embed": 0, "cross_entropy": 1}
    return kinds.get(read.operator.kind) == read.operand
