"""Time of operators, and the all-reduces of `across` (section 5)."""

from __future__ import annotations

import math
from collections.abc import Iterator

from dsl.resolve.physics_names import is_described
from dsl.spec import Gradient, Operator, Variant
from solver.verify.charges import Cause, Charge, communicate
from solver.verify.figures import Phase
from solver.verify.kernels import Work, kernel_seconds
from solver.verify.plan import Plan
from solver.verify.wiring import Read


def operator_charges(plan: Plan, operator: Operator) -> Iterator[Charge]:
    """Compute time of an operator in each phase, and its `across` collectives."""
    variant = plan.variant(operator)
    if variant is not None:
        yield from _measured(plan, operator, variant)
        return
    forward = _seconds(plan, operator)
    yield Charge(operator.unit, "F", forward, repeats=True)
    for gradient in operator.gradients:
        tensor = plan.spec.graph.tensors[operator.inputs[gradient.operand].tensor]
        phase: Phase = "W" if tensor.role == "parameter" else "B"
        duration = _seconds(plan, operator, gradient)
        yield Charge(operator.unit, phase, duration)
    yield from _across(plan, operator)


def beside(plan: Plan, read: Read) -> dict[Phase, float]:
    """Seconds in which collectives of a parameter have the arithmetic of its only reader beside
    them: in F and B the parameter's part, by elements, of what the operator computes, in W its own
    gradient."""
    operator, tensors = read.operator, plan.spec.graph.tensors
    roles = [tensors[use.tensor].role for use in operator.inputs]
    elements = [math.prod(d.size for d in tensors[use.tensor].dims) for use in operator.inputs]
    all_read = sum(n for n, role in zip(elements, roles, strict=True) if role == "parameter")
    part = math.prod(d.size for d in tensors[read.use.tensor].dims) / all_read
    found: dict[Phase, float] = {"F": 0.0, "B": 0.0, "W": 0.0}
    found["F"] = part * _seconds(plan, operator)
    for gradient in operator.gradients:
        spent = _seconds(plan, operator, gradient)
        if gradient.operand == read.operand:
            found["W"] += spent
        elif roles[gradient.operand] != "parameter":
            found["B"] += part * spent
    return found


def _measured(plan: Plan, operator: Operator, variant: Variant) -> Iterator[Charge]:
    yield Charge(operator.unit, "F", variant.forward)
    yield Charge(operator.unit, "B", variant.input_grad)
    yield Charge(operator.unit, "W", variant.weight_grad)
    if plan.recomputed[operator.unit] and variant.recompute_forward is not None:
        yield Charge(operator.unit, "B", variant.recompute_forward)


def _seconds(plan: Plan, operator: Operator, gradient: Gradient | None = None) -> float:
    """Seconds of the forward, or of one gradient (0 for no work)."""
    sizes = plan.shardings[operator.name].sizes
    flops, traffic = operator.forward_flops, operator.forward_traffic
    if gradient is not None:
        flops, traffic = gradient.flops, gradient.traffic
    done, moved = flops.evaluate(sizes), traffic.evaluate(sizes)
    if done == 0 and moved == 0:
        return 0.0
    device, train = plan.spec.mesh.device, plan.spec.train
    if is_described(device.physics):
        operand = None if gradient is None else gradient.operand
        work = Work(operator, operand, sizes, done, moved)
        return kernel_seconds(work, plan.spec.graph.tensors, device, train)
    slowest = max(moved / device.memory_bandwidth, device.launch)
    if operator.engine == "vector":
        return slowest
    return max(done / (device.flops[train.precision.computes] * operator.efficiency), slowest)


def _across(plan: Plan, operator: Operator) -> Iterator[Charge]:
    sharding = plan.shardings[operator.name]
    phases: tuple[Phase, ...] = ("F", "B") if operator.gradients else ("F",)
    for index, formula in operator.across:
        parts = sharding.parts_of(index, plan.frame)
        if not parts:
            continue
        size = formula.evaluate(sharding.sizes)
        for phase in phases:
            cause = Cause(operator.unit, operator.name, None, phase)
            yield communicate(plan, cause, "all_reduce", parts, size)
