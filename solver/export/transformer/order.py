"""Which of the schedules that frameworks have built in a plan's order is, if any."""

from __future__ import annotations

from typing import Literal

from dsl.spec import Pin, RunsBefore
from solver.export.saved import SavedPlan
from solver.verify.chunk_families import departures
from solver.verify.families import fixed_order, order_violations
from solver.verify.figures import Action, Edge, StageTime
from solver.verify.plan import Plan
from solver.verify.simulate import by_stage
from solver.verify.stage_time import stage_edges
from solver.verify.virtual_stages import renumbered

Name = Literal["accumulation", "one_f_one_b", "gpipe", "interleaved"]
PLACE = ("pipeline", "schedule")
"""Where the document has the order."""


def built_in(saved: SavedPlan) -> Name | None:
    """`accumulation`: one stage, micro-batches one by one. The others as the language names them.
    None where the order is another, or weight gradients run apart from their backwards.

    On one stage every order takes as long, and one by one holds least; so that is what any order is
    run as, unless a pin asks for an order.
    """
    plan = saved.plan
    rows = stage_rows(plan)
    if plan.stages == 1:
        batches = [action.microbatch for action in rows[0]]
        is_free = not any(_is_about_order(pin) for pin in saved.spec.pins)
        return "accumulation" if is_free or batches == sorted(batches) else None
    if not all(saved.document["pipeline"]["fused"]):
        return None
    if len(plan.places) > plan.stages:
        return "interleaved" if _is_interleaved(plan, rows) else None
    times = [StageTime(0.0, 0.0, 0.0, 0.0, True) for _ in plan.places]
    edges, count = stage_edges(plan), plan.frame.microbatches
    for name in ("one_f_one_b", "gpipe"):
        if _is_chain(edges, plan) and not any(order_violations(name, rows, times, edges, count)):
            return "one_f_one_b" if name == "one_f_one_b" else "gpipe"
    return None


def _is_about_order(pin: Pin) -> bool:
    return any(isinstance(requirement, RunsBefore) for requirement in pin.requirements)


def departure(saved: SavedPlan) -> tuple[str, tuple[str | int, ...]]:
    """What departs from 1F1B first, and where the document says so: weight gradients apart, a stage
    with its first operator out of turn, or the whole order where stages hold several chunks."""
    plan = saved.plan
    if plan.stages > 1 and not all(saved.document["pipeline"]["fused"]):
        return "pipeline.fused", ("pipeline", "fused")
    if len(plan.places) > plan.stages:
        return "pipeline.schedule", PLACE
    schedule = plan.decisions.schedule
    times = [StageTime(0.0, 0.0, 0.0, 0.0, True) for _ in plan.places]
    wanted = fixed_order("one_f_one_b", times, stage_edges(plan), plan.frame.microbatches) or ()
    for stage, row in enumerate(by_stage(schedule, plan.stages)):
        whole = [action for action in row if action.phase != "W"]  # with one stage W may be apart
        for action, operator in zip(whole, wanted[stage], strict=False):
            if (action.phase, action.microbatch) != operator:
                subject = f"{action.phase} of micro-batch {action.microbatch} on stage {stage}"
                return subject, (*PLACE, schedule.index(action))
    return "pipeline.schedule", PLACE


def stage_rows(plan: Plan) -> tuple[tuple[Action, ...], ...]:
    """The actions of every stage as they run; their stages are virtual stages."""
    actions = renumbered(plan.decisions.schedule, plan.places)
    return by_stage(actions, plan.stages, plan.places)


def _is_chain(edges: tuple[Edge, ...], plan: Plan) -> bool:
    """Values pass from each chunk to the next alone."""
    pairs = [(edge.source, edge.target) for edge in edges]
    return pairs == [(chunk, chunk + 1) for chunk in range(len(plan.places) - 1)]


def _is_interleaved(plan: Plan, rows: tuple[tuple[Action, ...], ...]) -> bool:
    orders = [[(a.stage, a.microbatch, a.phase) for a in row] for row in rows]
    pairs = [(edge.source, edge.target) for edge in stage_edges(plan)]
    return not any(departures("interleaved", plan.stages, plan.places, pairs, orders))
