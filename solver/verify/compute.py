"""Time of operators by the roofline, and the all-reduces of `across` (section 5)."""

from __future__ import annotations

import math
from collections.abc import Iterator

from dsl.formula import Formula
from dsl.spec import Operator, Variant
from solver.verify.charges import Cause, Charge, communicate
from solver.verify.figures import Phase
from solver.verify.plan import Plan
from solver.verify.wiring import Read


def operator_charges(plan: Plan, operator: Operator) -> Iterator[Charge]:
    """Compute time of an operator in each phase, and its `across` collectives."""
    variant = plan.variant(operator)
    if variant is not None:
        yield from _measured(plan, operator, variant)
        return
    forward = _roofline(plan, operator, operator.forward_flops, operator.forward_traffic)
    yield Charge(operator.unit, "F", forward, repeats=True)
    for gradient in operator.gradients:
        tensor = plan.spec.graph.tensors[operator.inputs[gradient.operand].tensor]
        phase: Phase = "W" if tensor.role == "parameter" else "B"
        duration = _roofline(plan, operator, gradient.flops, gradient.traffic)
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
    found["F"] = part * _roofline(plan, operator, operator.forward_flops, operator.forward_traffic)
    for gradient in operator.gradients:
        spent = _roofline(plan, operator, gradient.flops, gradient.traffic)
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


def _roofline(plan: Plan, operator: Operator, flops: Formula, traffic: Formula) -> float:
    """Seconds of one phase: the slowest of arithmetic, traffic and launch (0 for no work)."""
    sizes = plan.shardings[operator.name].sizes
    work, moved = flops.evaluate(sizes), traffic.evaluate(sizes)
    if work == 0 and moved == 0:
        return 0.0
    device = plan.spec.mesh.device
    slowest = max(moved / device.memory_bandwidth, device.launch)
    if operator.engine == "vector":
        return slowest
    rate = device.flops[plan.spec.train.precision.computes] * operator.efficiency
    return max(work / rate, slowest)


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
            yield communicate(cause, "all_reduce", parts, size, plan.frame.microbatches)
