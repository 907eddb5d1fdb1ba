"""Seconds of every stage's phases, its tail, and the collectives behind them (sections 5 and 6)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from solver.verify.charges import Charge
from solver.verify.compute import operator_charges
from solver.verify.figures import Call, Edge, Phase, StageTime
from solver.verify.layouts import local_bytes
from solver.verify.movement import parameter_charges, tensor_charges
from solver.verify.plan import Plan
from solver.verify.storage import Holding, StepCost, microbatch_charges, step_cost

FUSED_FAMILIES = ("gpipe", "one_f_one_b", "interleaved")


@dataclass(frozen=True, slots=True)
class Times:
    """The times of all stages, the edges between them, and every collective of a step."""

    stages: tuple[StageTime, ...]
    edges: tuple[Edge, ...]
    calls: tuple[Call, ...]


def stage_times(plan: Plan, holdings: Sequence[Holding]) -> Times:
    """Price every stage of a plan."""
    charges = tuple(_with_repeats(plan, _charges(plan, holdings)))
    seconds: list[dict[Phase, float]] = [{"F": 0.0, "B": 0.0, "W": 0.0} for _ in range(plan.stages)]
    for charge in charges:
        seconds[plan.stage_of[charge.unit]][charge.phase] += charge.seconds
    costs = {held.name: step_cost(plan, held) for held in holdings}
    stages = tuple(
        _stage(by_phase, _tail(stage, holdings, costs), is_fused(plan, stage))
        for stage, by_phase in enumerate(seconds)
    )
    per_microbatch = tuple(charge.call for charge in charges if charge.call is not None)
    per_step = tuple(call for cost in costs.values() for call in cost.calls)
    return Times(stages, stage_edges(plan), (*per_microbatch, *per_step))


def _charges(plan: Plan, holdings: Sequence[Holding]) -> Iterator[Charge]:
    for operator in plan.spec.graph.operators:
        yield from operator_charges(plan, operator)
    for name, tensor in plan.spec.graph.tensors.items():
        if tensor.role != "parameter":
            yield from tensor_charges(plan, name)
    for held in holdings:
        yield from parameter_charges(plan, held.name, held.used)
        yield from microbatch_charges(plan, held)


def _with_repeats(plan: Plan, charges: Iterator[Charge]) -> Iterator[Charge]:
    """A recomputed unit pays its forward again in its backward."""
    for charge in charges:
        yield charge
        if charge.repeats and plan.recomputed[charge.unit]:
            call = None if charge.call is None else replace(charge.call, phase="B")
            yield Charge(charge.unit, "B", charge.seconds, call)


def _tail(stage: int, holdings: Sequence[Holding], costs: Mapping[str, StepCost]) -> float:
    return sum(costs[held.name].seconds for held in holdings if stage in held.stages)


def _stage(seconds: Mapping[Phase, float], tail: float, fused: bool) -> StageTime:
    backward, weight = seconds["B"], seconds["W"]
    if fused:
        backward, weight = backward + weight, 0.0
    return StageTime(seconds["F"], backward, weight, tail, fused)


def is_fused(plan: Plan, stage: int) -> bool:
    """True where a stage cannot run its weight gradients apart from its input gradients."""
    if plan.decisions.family in FUSED_FAMILIES:
        return True
    for unit in plan.units_on(stage):
        if plan.recomputed[unit.name]:
            return True
        for operator in plan.operators_of(unit):
            variant = plan.variant(operator)
            if variant is None or variant.split_backward:
                continue
            if variant.input_grad + variant.weight_grad > 0:
                return True
    return False


def stage_edges(plan: Plan) -> tuple[Edge, ...]:
    """Which stage reads from which, and how long its messages take."""
    carried: dict[tuple[int, int], float] = {}
    for name, write in plan.wiring.producers.items():
        source = plan.stage_of[write.operator.unit]
        size = local_bytes(plan.spec.graph.tensors[name], plan.produced(write), plan.frame)
        readers = plan.wiring.readers.get(name, ())
        for target in sorted({plan.stage_of[read.operator.unit] for read in readers}):
            if target != source:
                pair = (source, target)
                carried[pair] = carried.get(pair, 0.0) + size
    return tuple(Edge(*pair, _delay(plan, carried[pair])) for pair in sorted(carried))


def _delay(plan: Plan, size: float) -> float:
    """Seconds of one transfer over the slowest link of the pipeline, or as the spec fixes it."""
    if plan.spec.train.transfer is not None:
        return plan.spec.train.transfer
    links = [part.link for part in plan.pipeline]
    bandwidth = min(link.bandwidth for link in links)
    latency = max(link.latency for link in links if link.bandwidth == bandwidth)
    return latency + size / bandwidth
