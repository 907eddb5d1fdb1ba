"""When every stage runs what: the order that the schedule family fixes, as early as it can."""

from __future__ import annotations

import math

from solver.pinned.findings import OpenError
from solver.verify.evaluate import Priced
from solver.verify.families import fixed_order
from solver.verify.figures import Action
from solver.verify.simulate import run

# What is left of a family that moves weight gradients when every chunk runs them in its B.
JOINED = {"zb_h1": "one_f_one_b", "zb_h2": "one_f_one_b"}


def schedule_of(priced: Priced) -> tuple[Action, ...]:
    """The actions of the plan's schedule family. Raises OpenError where it has none for this
    pipeline."""
    plan, times = priced.plan, priced.times
    fused = all(time.fused for time in times.virtual)
    family = plan.decisions.family
    if plan.stages == 1 or family is None:
        family = "one_f_one_b" if fused else "zb_h1"
    elif fused:
        family = JOINED.get(family, family)
    if len(plan.places) == plan.stages:
        order = fixed_order(family, times.virtual, times.edges, plan.frame.microbatches)
        if order is not None:
            return run(order, times.virtual, times.edges)
    return _of_chunks(priced, family, fused)


def _of_chunks(priced: Priced, family: str, fused: bool) -> tuple[Action, ...]:
    """The same where a stage holds several chunks, by the scheduler's families."""
    from solver.schedule import Chunk, Edge, ScheduleProblem, solve  # slow to import
    from solver.schedule.families import refusal

    plan, times = priced.plan, priced.times
    problem = ScheduleProblem(
        devices=plan.stages,
        chunks=tuple(
            Chunk(f"chunk {c}", stage, time.forward, time.input_grad, time.weight_grad, 0.0, 0.0)
            for c, (stage, time) in enumerate(zip(plan.places, times.virtual, strict=True))
        ),
        edges=tuple(Edge(edge.source, edge.target, edge.delay) for edge in times.edges),
        microbatches=plan.frame.microbatches,
        capacity_bytes=(math.inf,) * plan.stages,
        tails=tuple(time.tail for time in times.stages),
        split_backward=not fused,
        family=family,
    )
    reason = refusal(problem, family)
    if reason is not None:
        raise OpenError((f"the order of operators: {reason}",))
    found = solve(problem, 0.0).schedule
    assert found is not None  # nothing limits memory here
    turns = [plan.places[:chunk].count(stage) for chunk, stage in enumerate(plan.places)]
    return tuple(
        Action(plan.places[a.chunk], a.microbatch, a.phase, a.start, a.end, turns[a.chunk])
        for a in found.actions
        if not (a.phase == "W" and times.virtual[a.chunk].fused)
    )
