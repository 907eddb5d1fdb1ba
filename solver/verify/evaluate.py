"""From legal decisions to every figure of the plan (the text is `solver/README.md`)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from dsl.spec import Spec
from solver.verify.decisions import Decisions
from solver.verify.figures import Action, Call, Figures, Saved, StageMemory
from solver.verify.legal_storage import level_violations
from solver.verify.legality import violations
from solver.verify.limits import limit_bills
from solver.verify.memory import peak_in_flight, stage_memory, virtual_stage_saved
from solver.verify.pins import pin_bills
from solver.verify.plan import Plan, join
from solver.verify.proposal import propose
from solver.verify.simulate import Order, by_stage, run
from solver.verify.stage_time import Times, stage_times
from solver.verify.step_work import step_actions
from solver.verify.storage import Holding, hold


class IllegalDecisionsError(ValueError):
    """Decisions that `check.verify` would report; the message is the first violation."""


@dataclass(frozen=True, slots=True)
class Priced:
    """A plan with everything that does not depend on the order of its schedule."""

    plan: Plan
    holdings: tuple[Holding, ...]
    times: Times


def price(plan: Plan) -> Priced:
    """Price the stages of a plan, each on the devices that it has."""
    views = {kind: plan.seen_by(kind) for kind in sorted(set(plan.kinds))}
    held = {
        k: tuple(hold(view, name) for name in plan.wiring.parameters) for k, view in views.items()
    }
    times = {kind: stage_times(view, held[kind]) for kind, view in views.items()}
    unit_of = {o.name: o.unit for o in plan.spec.graph.operators}
    unit_of |= {holding.name: holding.unit for holding in held[plan.kinds[0]]}

    def kind_of(call: Call) -> int:
        return plan.kinds[plan.stage_of[unit_of[call.operator]]]

    alike = zip(*(times[kind].calls for kind in views), strict=True)
    number = {kind: at for at, kind in enumerate(views)}
    joined = Times(
        tuple(times[kind].stages[stage] for stage, kind in enumerate(plan.kinds)),
        tuple(times[plan.kinds[p]].virtual[chunk] for chunk, p in enumerate(plan.places)),
        tuple(times[kind].step_work[stage] for stage, kind in enumerate(plan.kinds)),
        times[plan.kinds[0]].edges,
        tuple(calls[number[kind_of(calls[0])]] for calls in alike),
    )
    return Priced(plan, held[plan.kinds[0]], joined)


def evaluate(decisions: Decisions, spec: Spec, order: Order) -> Figures:
    """Every figure of a plan whose stages, of one chunk each, run their operators in `order`, each
    as early as it can (the times in `decisions.schedule` are not looked at).

    Raises IllegalDecisionsError, and DeadlockError for an order that cannot be run.
    """
    proposal = propose(decisions, spec)
    found = violations(proposal)
    if not found:
        plan = join(proposal)
        found = tuple(level_violations(plan))
    if found:
        raise IllegalDecisionsError(f"{found[0].where}: {found[0].message}")
    priced = price(plan)
    return finish(priced, run(order, priced.times.virtual, priced.times.edges))


def finish(priced: Priced, schedule: Sequence[Action]) -> Figures:
    """The figures of a priced plan that runs a complete schedule at the times it says."""
    plan, times = priced.plan, priced.times
    ends = [0.0] * plan.stages
    for action in schedule:
        ends[action.stage] = max(ends[action.stage], action.end)
    step_time = max(end + time.tail for end, time in zip(ends, times.stages, strict=True))
    memory = _memory(priced, schedule)
    bills = (*pin_bills(plan, priced.holdings, schedule), *limit_bills(plan, memory, step_time))
    penalty = sum(bill.paid for bill in bills)
    by_time = plan.spec.objective[0] == "step_time"
    return Figures(
        stages=times.stages,
        memory=memory,
        calls=times.calls,
        edges=times.edges,
        schedule=tuple(schedule),
        step_work=times.step_work,
        step_actions=tuple(step_actions(times.step_work, schedule)),
        step_time=step_time,
        bubble=_bubble(priced, step_time),
        bills=bills,
        penalty=penalty,
        objective=penalty + (step_time if by_time else max(stage.peak for stage in memory)),
    )


def _memory(priced: Priced, schedule: Sequence[Action]) -> tuple[StageMemory, ...]:
    plan = priced.plan
    rows = by_stage(schedule, plan.stages)
    held: list[list[Saved]] = [[] for _ in rows]
    for number, (stage, time) in enumerate(zip(plan.places, priced.times.virtual, strict=True)):
        held[stage].append(virtual_stage_saved(plan, number, time.fused))
    peaks = (peak_in_flight(row, here) for row, here in zip(rows, held, strict=True))
    return tuple(
        stage_memory(plan, stage, priced.holdings, peak) for stage, peak in enumerate(peaks)
    )


def _bubble(priced: Priced, step_time: float) -> float:
    """The share of the devices' step that is idle."""
    if step_time == 0:
        return 0.0
    count = priced.plan.frame.microbatches
    work = sum(count * time.per_microbatch + time.tail for time in priced.times.stages)
    return 1 - work / (priced.plan.stages * step_time)
