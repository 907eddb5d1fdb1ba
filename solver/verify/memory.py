"""Bytes on a device of every stage, by term (section 7)."""

from __future__ import annotations

from collections.abc import Sequence

from dsl.spec import Limit, Operator, Spec, Unit
from solver.verify.figures import Action, Saved, StageMemory
from solver.verify.layouts import local_bytes
from solver.verify.plan import Plan
from solver.verify.saved import NOTHING, kept, rebuilt
from solver.verify.storage import Holding
from solver.verify.wiring import Read, Write


def memory_limit(spec: Spec) -> Limit | None:
    """The tightest memory limit that must hold, counting its reserve (None: the capacity)."""
    limits = [x for x in spec.limits if x.quantity == "memory" and x.weight is None]
    return min(limits, key=lambda limit: limit.value - limit.reserve, default=None)


def stage_memory(
    plan: Plan, stage: int, holdings: Sequence[Holding], activations: float
) -> StageMemory:
    """All terms of a stage; `activations` is what its schedule holds at most."""
    train = plan.spec.train
    units = plan.units_on(stage)
    here = [held for held in holdings if stage in held.stages]
    limit = memory_limit(plan.spec)
    operators = [operator for unit in units for operator in plan.operators_of(unit)]
    variants = [v for v in (plan.variant(operator) for operator in operators) if v is not None]
    weights = sum(held.weight_elements() for held in here) * train.precision.parameter_bytes
    return StageMemory(
        parameters=weights + sum(variant.static_bytes for variant in variants),
        gradients=sum(h.gradient_elements() for h in here) * train.optimizer.gradient_bytes,
        optimizer=sum(h.optimizer_elements() for h in here) * train.optimizer.state_bytes,
        activations=activations,
        buffers=_buffers(plan, units, operators, holdings),
        reserve=0.0 if limit is None else limit.reserve,
        limit=_room(plan, stage, limit),
    )


def _room(plan: Plan, stage: int, limit: Limit | None) -> float:
    """Bytes that the peak may reach: the limit's, or else the device's own; where devices differ,
    the lesser of both."""
    own = plan.spec.mesh.kinds[plan.kinds[stage]].memory_bytes
    if limit is None:
        return own
    return limit.value if len(plan.spec.mesh.kinds) == 1 else min(limit.value, own)


def virtual_stage_saved(plan: Plan, virtual_stage: int, fused: bool) -> Saved:
    """What a virtual stage keeps of one micro-batch; a fused backward frees all of it."""
    held = sum((kept(plan, unit) for unit in plan.units_in(virtual_stage)), NOTHING)
    return Saved(held.total, 0.0) if fused else held


def peak_in_flight(actions: Sequence[Action], held: Sequence[Saved]) -> float:
    """The most that a stage holds for micro-batches in flight; `held` is per chunk of it.

    `actions` are those of the stage in the order they run, one at a time: what F allocates at its
    start is freed at the ends of B and W, before the next operator starts.
    """
    now = peak = 0.0
    for action in actions:
        here = held[action.turn]
        if action.phase == "F":
            now += here.total
            peak = max(peak, now)
        elif action.phase == "B":
            now -= here.until_input_grad
        else:
            now -= here.until_weight_grad
    return peak


def _buffers(
    plan: Plan, units: Sequence[Unit], operators: Sequence[Operator], holdings: Sequence[Holding]
) -> float:
    """Work space of the largest operator, two gathered units, and one unit run again."""
    work = max((_work_space(plan, operator) for operator in operators), default=0.0)
    gathered = {unit.name: 0.0 for unit in units}
    for held in holdings:
        if held.weights and held.unit in gathered:
            gathered[held.unit] += held.elements * plan.spec.train.precision.parameter_bytes
    again = (rebuilt(plan, unit).total for unit in units if plan.recomputed[unit.name])
    return work + 2 * max(gathered.values(), default=0.0) + max(again, default=0.0)


def _work_space(plan: Plan, operator: Operator) -> float:
    variant = plan.variant(operator)
    if variant is not None:
        return variant.workspace_bytes
    tensors = plan.spec.graph.tensors
    reads = [Read(operator, operand) for operand in range(len(operator.inputs))]
    inputs = sum(
        local_bytes(tensors[read.use.tensor], plan.read_layout(read), plan.frame)
        for read in reads
        if tensors[read.use.tensor].role == "value"
    )
    results = sum(
        local_bytes(tensors[use.tensor], plan.produced(Write(operator, use)), plan.frame)
        for use in operator.results
    )
    return inputs + 2 * results
