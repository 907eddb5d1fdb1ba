"""A plan under other costs: its decisions, priced for another spec of the same graph and mesh.

What was decided stays (cuts, storage, stages, recompute, the order of operators); what follows from
it is computed anew: times, memory, collectives, and the bills of the other spec's pins and limits.
Every operator then starts as early as the old order lets it. Where only one of the two specs runs a
backward as one operator, its weight gradients go or come directly behind its input gradients.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from dsl.spec import Mesh, Spec
from solver.verify.decisions import read_decisions
from solver.verify.evaluate import IllegalDecisionsError, Priced, finish, price
from solver.verify.fields import Fields
from solver.verify.figures import Action, Figures, StageTime
from solver.verify.legal_storage import level_violations
from solver.verify.legality import violations
from solver.verify.plan import join
from solver.verify.proposal import propose
from solver.verify.report import Violation
from solver.verify.simulate import DeadlockError, Key, by_stage, completeness, waits
from solver.verify.virtual_stages import renumbered, unplaced


def reprice(document: dict[str, Any], spec: Spec) -> Figures:
    """Every figure of a plan document's decisions under a spec, which need not be the one that it
    was made for. Pins and limits that do not hold are in the bills, and raise nothing.

    Raises IllegalDecisionsError where the document is malformed or its decisions do not fit the
    graph, the mesh or the training settings, and DeadlockError for an order that cannot be run.
    """
    found: list[Violation] = []
    fields = Fields(document, "", found)
    decisions = read_decisions(fields, found)
    found.extend(_other_mesh(fields, spec.mesh))
    _refuse(found)
    proposal = propose(decisions, spec)
    _refuse(violations(proposal))
    plan = join(proposal)
    _refuse(tuple(level_violations(plan)))
    priced = price(plan)
    return finish(priced, _retimed(priced))


def _refuse(found: Sequence[Violation]) -> None:
    if found:
        raise IllegalDecisionsError(f"{found[0].where}: {found[0].message}")


def _other_mesh(document: Fields, mesh: Mesh) -> Iterator[Violation]:
    """Sub-axes mean the same only on a mesh of the same axes; devices and links may differ."""
    listed = document.nested("mesh").nested_list("axes")
    axes = [(axis.text("name"), axis.integer("size")) for axis in listed]
    if axes != [(axis.name, axis.size) for axis in mesh.axes]:
        yield Violation("mesh", "the plan is for a mesh of other axes", "mesh.axes")


def _retimed(priced: Priced) -> tuple[Action, ...]:
    """The plan's schedule with its order kept and every operator as early as that allows."""
    plan, times = priced.plan, priced.times
    schedule = plan.decisions.schedule
    _refuse(tuple(unplaced(schedule, plan.places)))
    virtual = renumbered(schedule, plan.places)
    rows = [_refitted(row, times.virtual) for row in by_stage(virtual, plan.stages, plan.places)]
    complete = completeness(
        [a for row in rows for a in row], times.virtual, plan.frame.microbatches
    )
    _refuse(tuple(complete))
    turns = [plan.places[:chunk].count(stage) for chunk, stage in enumerate(plan.places)]
    return tuple(
        Action(
            stage=plan.places[action.stage],
            microbatch=action.microbatch,
            phase=action.phase,
            start=start,
            end=start + times.virtual[action.stage].duration(action.phase),
            turn=turns[action.stage],
        )
        for action, start in _earliest(rows, priced)
    )


def _refitted(row: Sequence[Action], times: Sequence[StageTime]) -> tuple[Action, ...]:
    """A device's order with the weight gradients that its virtual stages run apart, no others."""
    apart = {action.stage for action in row if action.phase == "W"}
    found: list[Action] = []
    for action in row:
        is_fused = times[action.stage].fused
        if action.phase != "W" or not is_fused:
            found.append(action)
        if action.phase == "B" and not is_fused and action.stage not in apart:
            found.append(replace(action, phase="W"))
    return tuple(found)


def _earliest(rows: Sequence[Sequence[Action]], priced: Priced) -> list[tuple[Action, float]]:
    """The actions of every device in their order, each with its start: the end of the one before
    it, or the last arrival of what it waits for. Actions name virtual stages."""
    rules = waits(priced.times.edges)
    ended: dict[Key, float] = {}
    started: list[list[tuple[Action, float]]] = [[] for _ in rows]
    free = [0.0] * len(rows)
    waiting = set(range(len(rows)))
    while waiting:
        before = len(ended)
        for device in sorted(waiting):
            for action in rows[device][len(started[device]) :]:
                key = (action.stage, action.microbatch, action.phase)
                needs = list(rules.of(key))
                if any(need not in ended for need, _ in needs):
                    break
                start = max([free[device], *(ended[need] + delay for need, delay in needs)])
                free[device] = start + priced.times.virtual[action.stage].duration(action.phase)
                ended[key] = free[device]
                started[device].append((action, start))
            else:
                waiting.discard(device)
        if waiting and len(ended) == before:
            raise DeadlockError("stages wait for each other for ever")
    return [pair for row in started for pair in row]
