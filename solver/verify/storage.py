"""How parameters, gradients and optimizer state are stored, and what that costs (section 6).

Rajbhandari et al. 2020, "ZeRO: Memory Optimizations Toward Training Trillion Parameter Models".
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from dsl.resolve.physics_names import is_described
from dsl.spec import SubAxis
from solver.verify import collectives
from solver.verify.charges import Charge
from solver.verify.collectives import Collective
from solver.verify.compute import beside
from solver.verify.figures import Call, Phase
from solver.verify.kernels import update_bandwidth
from solver.verify.layouts import NONE, PARTIAL, Layout, dimension_layout, product, ways
from solver.verify.plan import Plan


@dataclass(frozen=True, slots=True)
class Holding:
    """A parameter as it lies on the devices.

    `elements` are those of the used layout on a device. `weights`, `gradients`, `optimizer` are the
    sub-axes that cut each beyond its use (each a subset of the next); `reduced` those over which
    readers leave partial sums; `trained`: some reader computes its gradient. `unit` has the first
    reader; `stages` hold it, ascending.
    """

    name: str
    unit: str
    stages: tuple[int, ...]
    used: Layout
    elements: int
    weights: tuple[SubAxis, ...]
    gradients: tuple[SubAxis, ...]
    optimizer: tuple[SubAxis, ...]
    reduced: tuple[SubAxis, ...]
    trained: bool

    def weight_elements(self) -> int:
        """Elements of the parameter itself that a device keeps."""
        return _pieces(self.elements, self.weights)

    def gradient_elements(self) -> int:
        """Elements of the gradient that a device keeps (0 where none is computed)."""
        return _pieces(self.elements, self.gradients) if self.trained else 0

    def optimizer_elements(self) -> int:
        """Elements whose optimizer state a device keeps (0 where none is trained)."""
        return _pieces(self.elements, self.optimizer) if self.trained else 0


def _pieces(elements: int, parts: tuple[SubAxis, ...]) -> int:
    return -(-elements // product(parts))


def used_layout(plan: Plan, name: str) -> Layout:
    """How a parameter is cut where it is used: as its reader reads it, or a layout of its own."""
    readers = plan.wiring.readers[name]
    if len(readers) == 1:
        return plan.read_layout(readers[0])
    used = plan.decisions.parameters[name].used
    return dimension_layout(plan.spec.graph.tensors[name], used, plan.frame)


def free_parts(plan: Plan, used: Layout) -> tuple[SubAxis, ...]:
    """The sharding sub-axes that do not cut a parameter where it is used."""
    return tuple(p for p, at in zip(plan.frame.parts, used, strict=True) if at == NONE)


def hold(plan: Plan, name: str) -> Holding:
    """The holding of a parameter that some operator reads."""
    readers = plan.wiring.readers[name]
    used = used_layout(plan, name)
    free = free_parts(plan, used)
    levels = dict(plan.decisions.parameters[name].levels)
    trained = [read for read in readers if read.has_gradient]
    made = [dict(zip(plan.frame.parts, plan.read_gradient(r), strict=True)) for r in trained]
    size = 1
    for dim in plan.spec.graph.tensors[name].dims:
        size *= plan.frame.size(dim)
    return Holding(
        name=name,
        unit=readers[0].operator.unit,
        stages=tuple(sorted({plan.stage_of[read.operator.unit] for read in readers})),
        used=used,
        elements=size // ways(used, plan.frame),
        weights=tuple(p for p in free if levels.get(p.axis, 0) >= 3),
        gradients=tuple(p for p in free if levels.get(p.axis, 0) >= 2),
        optimizer=tuple(p for p in free if levels.get(p.axis, 0) >= 1),
        reduced=tuple(p for p in free if any(layout[p] == PARTIAL for layout in made)),
        trained=bool(trained),
    )


def microbatch_charges(plan: Plan, held: Holding) -> Iterator[Charge]:
    """Gathering the parameter before each use, scattering its gradient after."""
    precision, optimizer = plan.spec.train.precision, plan.spec.train.optimizer
    readers = plan.wiring.readers[held.name]
    cover = beside(plan, readers[0]) if len(readers) == 1 else dict.fromkeys(_PHASES, 0.0)
    if held.weights:
        size = held.elements * precision.parameter_bytes
        for phase in _GATHERED_IN:
            yield _bucket(plan, held, phase, "all_gather", held.weights, size, cover[phase])
    scattered = tuple(part for part in held.reduced if part in held.gradients)
    if held.trained and scattered:
        size = held.elements * optimizer.gradient_bytes
        yield _bucket(plan, held, "W", "reduce_scatter", scattered, size, cover["W"])


_PHASES: tuple[Phase, ...] = ("F", "B", "W")
_GATHERED_IN: tuple[Phase, ...] = ("F", "B")


def _bucket(
    plan: Plan,
    held: Holding,
    phase: Phase,
    collective: Collective,
    parts: tuple[SubAxis, ...],
    size: float,
    cover: float,
) -> Charge:
    duration = collectives.seconds(collective, size, parts, plan.spec.mesh.device, bucketed=True)
    axes = tuple(part.name for part in parts)
    count, overlap = plan.frame.microbatches, plan.spec.train.overlap
    call = Call(held.name, held.name, phase, collective, axes, size, count, duration)
    if overlap != "scheduled":
        return Charge(held.unit, phase, duration * (1 - overlap), call)
    left = max(0.0, duration - cover) + _slow_down(plan) * min(duration, cover)
    return Charge(held.unit, phase, left, replace(call, exposed=left))


def _slow_down(plan: Plan) -> float:
    """What compute loses per second of a collective beside it: nothing on an ideal device."""
    physics = plan.spec.mesh.device.physics
    return physics["overlap_slowdown"] if is_described(physics) else 0.0


@dataclass(frozen=True, slots=True)
class StepCost:
    """What a parameter costs once per step on each stage that holds it: seconds, less what a share
    of overlap hides, and calls. `reduce` and `gather` are those of a parameter with one reader;
    `update` is all the rest."""

    reduce: float
    update: float
    gather: float
    calls: tuple[Call, ...]


def step_cost(plan: Plan, held: Holding) -> StepCost:
    """Reduce the gradient, update, gather the parameter, and sum over the stages that share it."""
    if not held.trained:
        return StepCost(0.0, 0.0, 0.0, ())
    overlap = plan.spec.train.overlap
    seen = 1.0 if overlap == "scheduled" else 1.0 - overlap
    reductions, gathers = tuple(_reductions(plan, held)), tuple(_gather_updated(plan, held))
    tied = _sum_over_stages(plan, held)
    reduce = seen * sum(call.seconds for call in reductions)
    gather = seen * sum(call.seconds for call in gathers)
    traffic = plan.spec.train.optimizer.traffic_bytes * held.elements / product(held.optimizer)
    update = traffic / update_bandwidth(plan.spec.mesh.device) + sum(call.seconds for call in tied)
    calls = (*reductions, *gathers, *tied)
    if len(plan.wiring.readers[held.name]) > 1:
        return StepCost(0.0, reduce + update + gather, 0.0, calls)
    return StepCost(reduce, update, gather, calls)


def _reductions(plan: Plan, held: Holding) -> Iterator[Call]:
    size = held.elements * plan.spec.train.optimizer.gradient_bytes / product(held.gradients)
    late = tuple(part for part in held.optimizer if part not in held.gradients)
    scattered = tuple(part for part in held.reduced if part in late)
    if scattered:
        yield _once(plan, held, "reduce_scatter", scattered, size)
    size /= product(late)
    summed = tuple(part for part in held.reduced if part not in held.optimizer)
    if summed:
        yield _once(plan, held, "all_reduce", summed, size)


def _gather_updated(plan: Plan, held: Holding) -> Iterator[Call]:
    gathered = tuple(part for part in held.optimizer if part not in held.weights)
    if gathered:
        size = held.elements * plan.spec.train.precision.parameter_bytes / product(held.weights)
        yield _once(plan, held, "all_gather", gathered, size)


def _once(
    plan: Plan, held: Holding, collective: Collective, parts: tuple[SubAxis, ...], size: float
) -> Call:
    duration = collectives.seconds(collective, size, parts, plan.spec.mesh.device, bucketed=True)
    axes = tuple(part.name for part in parts)
    return Call(held.name, held.name, "step", collective, axes, size, 1, duration)


def _sum_over_stages(plan: Plan, held: Holding) -> tuple[Call, ...]:
    """The gradient sum of a parameter that several stages hold (tied embeddings)."""
    count = len(held.stages)
    if count == 1:
        return ()
    gradient = held.elements * plan.spec.train.optimizer.gradient_bytes
    size = gradient / product(held.optimizer)
    bandwidth = min(plan.transfer_links[stage].bandwidth for stage in held.stages)
    duration = 2 * (count - 1) / count * size / bandwidth
    axes = tuple(part.name for part in plan.pipeline)
    return (Call(held.name, held.name, "step", "all_reduce", axes, size, 1, duration),)
