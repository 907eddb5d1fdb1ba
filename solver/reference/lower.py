"""From a plan and its spec to the program that PyTorch runs."""

from __future__ import annotations

from dsl.spec import Operator as SpecOperator
from dsl.spec import Tensor, Use
from solver.execution.lowering import Operator as Action
from solver.execution.orders import Pipeline
from solver.reference import measured
from solver.reference.families import families
from solver.reference.lowering import Lowering, ProgramError
from solver.reference.mixtures import groups, options
from solver.reference.parameters import needs, weight
from solver.reference.runtime.program import (
    Axis,
    Chunk,
    Operator,
    Port,
    Program,
    Shared,
    Unit,
    Value,
    Weight,
    whole_sums,
    with_indices,
)
from solver.reference.sizes import Sizes, shrink
from solver.verify.plan import Plan
from solver.verify.wiring import Read, Write


def program(
    plan: Plan, pipeline: Pipeline, kept: tuple[int, ...] | None = None, *, small: bool = False
) -> Program:
    """The program of a plan: at its true sizes, or at small ones that its cuts divide.

    `kept` are the numbers of the sharding axes (`plan.frame.parts`) that it has; the others are
    taken to be one device wide. Raises ProgramError for what no program has, SizeError where there
    are no small sizes.
    """
    axes = tuple(range(len(plan.frame.parts))) if kept is None else kept
    lowering = Lowering(plan, axes, families(plan, axes), Sizes(plan.frame))
    graph = plan.spec.graph
    if small:
        shrink(lowering.sizes, graph.operators, needs(lowering))
    found = Program(
        mesh=_mesh(lowering),
        microbatches=plan.frame.microbatches,
        values={
            name: _value(lowering, tensor)
            for name, tensor in graph.tensors.items()
            if tensor.role != "parameter"
        },
        weights=_weights(lowering),
        operators={operator.name: _operator(lowering, operator) for operator in graph.operators},
        shared=_shared(lowering),
        units={u.name: Unit(u.name, u.operators, plan.recomputed[u.name]) for u in graph.units},
        chunks=_chunks(plan),
        schedule=schedule(pipeline),
        outputs=graph.outputs,
    )
    if lowering.reasons:
        raise ProgramError(lowering.reasons)
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
    kept = {lowering.part(axis) for axis in range(len(lowering.kept))}
    return tuple(
        Axis(axis_name(part.name), part.size, part.name in across)
        for part in plan.spec.mesh.parts
        if part.name in across or part.name in kept
    )


def _weights(lowering: Lowering) -> dict[str, Weight]:
    found = {name: weight(lowering, name) for name in lowering.plan.wiring.parameters}
    return found | measured.weights(lowering.plan, len(lowering.kept))


def _shared(lowering: Lowering) -> dict[str, Shared]:
    layout, plan = lowering.layout, lowering.plan
    return {
        name: Shared(name, layout(plan.shared_layout(name)), layout(plan.shared_gradient(name)))
        for name in plan.wiring.shared
        if not _is_measured(plan, plan.spec.graph.tensors[name])
    }


def _operator(lowering: Lowering, operator: SpecOperator) -> Operator:
    """An operator with its layouts."""
    if operator.variants:
        return measured.stand_in(lowering.plan, operator, len(lowering.kept))
    cut = lowering.plan.shardings[operator.name].cut
    return Operator(
        name=operator.name,
        kind=operator.kind,
        reads=tuple(_read(lowering, operator, at) for at in range(len(operator.inputs))),
        writes=tuple(_write(lowering, operator, use) for use in operator.results),
        indices={},
        cuts=tuple(cut[axis] for axis in lowering.kept),
        options=options(lowering, operator),
        groups=groups(lowering, operator),
    )


def _read(lowering: Lowering, operator: SpecOperator, at: int) -> Port:
    plan, read, use = lowering.plan, Read(operator, at), operator.inputs[at]
    gradient = None
    if plan.spec.graph.tensors[use.tensor].needs_gradient and read.has_gradient:
        gradient = lowering.layout(plan.read_gradient(read))
    return Port(use.tensor, use.indices, lowering.layout(plan.read_layout(read)), gradient)


def _write(lowering: Lowering, operator: SpecOperator, use: Use) -> Port:
    made = lowering.layout(lowering.plan.produced(Write(operator, use)))
    trained = lowering.plan.spec.graph.tensors[use.tensor].needs_gradient
    return Port(use.tensor, use.indices, made, whole_sums(made) if trained else None)


def _value(lowering: Lowering, tensor: Tensor) -> Value:
    if _is_measured(lowering.plan, tensor):
        return measured.value(tensor)
    dims = tuple(
        lowering.dim(("tensor", tensor.name, at), dim.name, lowering.sizes.of(dim))
        for at, dim in enumerate(tensor.dims)
    )
    if tensor.role != "input":
        return Value(tensor.name, dims)
    readers = lowering.plan.wiring.readers.get(tensor.name, ())
    below = [rows for read in readers if (rows := _rows(lowering, read)) is not None]
    return Value(tensor.name, dims, True, bool(below), min(below, default=0))


def _rows(lowering: Lowering, read: Read) -> int | None:
    """How many rows of a table, or logits of a token, the numbers of an input point at; None where
    it is not read as numbers."""
    operator = read.operator
    match operator.kind, read.operand:
        case "embed", 0:
            name = operator.inputs[1].indices[0]
        case "cross_entropy", 1:
            name = operator.inputs[0].indices[-1]
        case _:
            return None
    return next(lowering.sizes.of(index) for index in operator.indices if index.name == name)


def _is_measured(plan: Plan, tensor: Tensor) -> bool:
    """Whether a tensor is made, or read, by an operator without arithmetic."""
    write = plan.wiring.producers.get(tensor.name)
    readers = plan.wiring.readers.get(tensor.name, ())
    operators = [read.operator for read in readers] if write is None else [write.operator]
    return any(operator.variants for operator in operators)


def _chunks(plan: Plan) -> tuple[Chunk, ...]:
    """Chunks with what passes between neighbours, in the order in which it is made."""
    graph, chunk_of = plan.spec.graph, plan.virtual_stage_of
    last = len(plan.places) - 1
    arriving: list[dict[str, None]] = [{} for _ in plan.places]
    for operator in graph.operators:
        for use in operator.results:
            for read in plan.wiring.readers.get(use.tensor, ()):
                target = chunk_of[read.operator.unit]
                if target != chunk_of[operator.unit]:
                    arriving[target].setdefault(use.tensor)
    return tuple(
        Chunk(
            stage,
            tuple(unit.name for unit in plan.units_in(chunk)),
            tuple(arriving[chunk]),
            graph.outputs if chunk == last else tuple(arriving[chunk + 1]),
        )
        for chunk, stage in enumerate(plan.places)
    )


__all__ = ["ProgramError", "axis_name", "program", "schedule"]
