"""Seconds of every virtual stage's phases, every stage's tail, and the collectives behind them
(sections 5 and 6)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from solver.verify.charges import Charge
from solver.verify.compute import operator_charges
from solver.verify.figures import Call, Edge, Phase, StageTime, StepWork
from solver.verify.kinds import slowest
from solver.verify.layouts import local_bytes
from solver.verify.movement import parameter_charges, tensor_charges
from solver.verify.plan import Plan
from solver.verify.step_work import UnitStep, scheduled_work, shared_work
from solver.verify.storage import Holding, StepCost, microbatch_charges, step_cost

FUSED_FAMILIES = ("gpipe", "one_f_one_b", "interleaved")


@dataclass(frozen=True, slots=True)
class Times:
    """The times of all stages and virtual stages, the edges between the latter, and every
    collective of a step. A stage takes what its virtual stages take."""

    stages: tuple[StageTime, ...]
    virtual: tuple[StageTime, ...]
    step_work: tuple[StepWork, ...]
    edges: tuple[Edge, ...]
    calls: tuple[Call, ...]


def stage_times(plan: Plan, holdings: Sequence[Holding]) -> Times:
    """Price every stage of a plan."""
    charges = tuple(_with_repeats(plan, _charges(plan, holdings)))
    by_unit = {unit.name: dict.fromkeys(_PHASES, 0.0) for unit in plan.spec.graph.units}
    seconds = [dict.fromkeys(_PHASES, 0.0) for _ in plan.places]
    for charge in charges:
        by_unit[charge.unit][charge.phase] += charge.seconds
        seconds[plan.virtual_stage_of[charge.unit]][charge.phase] += charge.seconds
    virtual = tuple(
        _virtual_stage(by_phase, is_fused(plan, number)) for number, by_phase in enumerate(seconds)
    )
    costs = {held.name: step_cost(plan, held) for held in holdings}
    works = _step_works(plan, holdings, costs, by_unit)
    stages = tuple(
        _stage(
            [time for time, place in zip(virtual, plan.places, strict=True) if place == stage],
            work.tail,
        )
        for stage, work in enumerate(works)
    )
    per_microbatch = tuple(charge.call for charge in charges if charge.call is not None)
    per_step = tuple(call for cost in costs.values() for call in cost.calls)
    return Times(stages, virtual, works, stage_edges(plan), (*per_microbatch, *per_step))


def _step_works(
    plan: Plan,
    holdings: Sequence[Holding],
    costs: Mapping[str, StepCost],
    by_unit: Mapping[str, Mapping[Phase, float]],
) -> tuple[StepWork, ...]:
    """What every stage does once per step; `by_unit` has the seconds of every phase."""
    taken = {name: dict.fromkeys(_PHASES, 0.0) for name in by_unit}
    reduce, gather = dict.fromkeys(by_unit, 0.0), dict.fromkeys(by_unit, 0.0)
    for held in holdings:
        reduce[held.unit] += costs[held.name].reduce
        gather[held.unit] += costs[held.name].gather
        for call in (charge.call for charge in microbatch_charges(plan, held)):
            if call is not None and call.phase != "step":
                taken[held.unit][call.phase] += call.seconds
    chunks: list[list[list[UnitStep]]] = [[] for _ in range(plan.stages)]
    for number, place in enumerate(plan.places):
        last: tuple[Phase, ...] = ("B", "W") if is_fused(plan, number) else ("W",)
        names = [unit.name for unit in plan.units_in(number)]
        free = {u: {p: by_unit[u][p] - taken[u][p] for p in _PHASES} for u in names}
        steps = [
            UnitStep(free[u]["F"], sum(free[u][p] for p in last), reduce[u], gather[u])
            for u in names
        ]
        chunks[place].append(steps)
    is_scheduled = plan.spec.train.overlap == "scheduled"
    make = scheduled_work if is_scheduled else shared_work
    updates = [
        sum(costs[held.name].update for held in holdings if stage in held.stages)
        for stage in range(plan.stages)
    ]
    return tuple(make(row, update) for row, update in zip(chunks, updates, strict=True))


_PHASES: tuple[Phase, ...] = ("F", "B", "W")


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


def _virtual_stage(seconds: Mapping[Phase, float], fused: bool) -> StageTime:
    backward, weight = seconds["B"], seconds["W"]
    if fused:
        backward, weight = backward + weight, 0.0
    return StageTime(seconds["F"], backward, weight, 0.0, fused)


def _stage(virtual: Sequence[StageTime], tail: float) -> StageTime:
    return StageTime(
        sum(time.forward for time in virtual),
        sum(time.input_grad for time in virtual),
        sum(time.weight_grad for time in virtual),
        tail,
        all(time.fused for time in virtual),
    )


def is_fused(plan: Plan, virtual_stage: int) -> bool:
    """True where a virtual stage does not run its weight gradients apart from its input gradients:
    it cannot, or nothing is gained, with one stage, but cover for scheduled collectives."""
    alone = plan.stages == 1 and plan.spec.train.overlap == "scheduled"
    if alone or plan.decisions.family in FUSED_FAMILIES:
        return True
    for unit in plan.units_in(virtual_stage):
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
    """Which virtual stage reads from which, and how long its messages take: none within a stage."""
    carried: dict[tuple[int, int], float] = {}
    for name, write in plan.wiring.producers.items():
        source = plan.virtual_stage_of[write.operator.unit]
        size = local_bytes(plan.spec.graph.tensors[name], plan.produced(write), plan.frame)
        readers = plan.wiring.readers.get(name, ())
        for target in sorted({plan.virtual_stage_of[read.operator.unit] for read in readers}):
            if target != source:
                pair = (source, target)
                carried[pair] = carried.get(pair, 0.0) + size
    return tuple(
        Edge(source, target, _delay(plan, plan.places[source], plan.places[target], size))
        for (source, target), size in sorted(carried.items())
    )


def _delay(plan: Plan, source: int, target: int, size: float) -> float:
    """Seconds of one transfer between stages over the slower of their links, or as the spec fixes
    it; none within a stage."""
    if source == target:
        return 0.0
    if plan.spec.train.transfer is not None:
        return plan.spec.train.transfer
    link = slowest([plan.transfer_links[source], plan.transfer_links[target]])
    return link.latency + size / link.bandwidth
