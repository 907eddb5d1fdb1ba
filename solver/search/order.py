"""From stage figures to a timed order of operators."""

from __future__ import annotations

import threading
from dataclasses import dataclass

import numpy as np

from solver.schedule import Action, Chunk, Edge, ScheduleProblem, estimate, lower_bound
from solver.schedule import solve as solve_schedule
from solver.stages.figures import StageFigures

JOINED: dict[str, str | None] = {"zb_h1": "one_f_one_b", "zb_h2": None}
"""What is left of a family that moves weight gradients when every stage runs them in its B."""


@dataclass(frozen=True, slots=True)
class Ordered:
    """A timed schedule and a lower bound on the makespan for these figures; `actions` is None when
    nothing fits or nothing was found, then `infeasible` tells which."""

    actions: tuple[Action, ...] | None
    makespan: float
    bound: float
    infeasible: bool


def schedule_problem(
    f: StageFigures, microbatches: int, capacity: float, family: str | None
) -> ScheduleProblem:
    """The scheduler's problem: one chunk per stage, one device per stage."""
    stages = len(f.forward)
    chunks = tuple(
        Chunk(
            name=f"stage {s}",
            device=s,
            forward=float(f.forward[s]),
            input_grad=float(f.input_grad[s]),
            weight_grad=float(f.weight_grad[s]),
            activation_bytes=float(f.saved_b[s] + f.saved_w[s]),
            released_by_input_grad=float(f.saved_b[s]),
        )
        for s in range(stages)
    )
    edges = tuple(Edge(s, t, d) for (s, t), d in sorted(f.delays.items()))
    room = tuple(float(x) for x in capacity - f.static - f.buffers)
    return ScheduleProblem(
        devices=stages,
        chunks=chunks,
        edges=edges,
        microbatches=microbatches,
        capacity_bytes=room,
        tails=tuple(float(t) for t in f.tail),
        split_backward=not all(f.fused),
        family=JOINED.get(family, family) if family and all(f.fused) else family,
    )


def quick(f: StageFigures, microbatches: int, capacity: float, family: str | None) -> float:
    """A makespan reached by a constructive schedule (infinite: none fits)."""
    if not fits(f, capacity):
        return float("inf")
    return estimate(schedule_problem(f, microbatches, capacity, family))


def floor(f: StageFigures, microbatches: int, capacity: float, family: str | None) -> float:
    """A combinatorial lower bound on the makespan."""
    return lower_bound(schedule_problem(f, microbatches, capacity, family))


def fits(f: StageFigures, capacity: float) -> bool:
    """Whether every stage holds at least one micro-batch."""
    return bool(np.all(f.static + f.buffers + f.saved_b + f.saved_w <= capacity))


def order(
    f: StageFigures,
    microbatches: int,
    capacity: float,
    family: str | None,
    seconds: float,
    workers: int,
    seed: int,
    deterministic: bool,
    stop: threading.Event,
) -> Ordered:
    """The best schedule found; the weight gradient of a fused stage is part of its B."""
    if not fits(f, capacity):
        return Ordered(None, float("inf"), float("inf"), True)
    result = solve_schedule(
        schedule_problem(f, microbatches, capacity, family),
        seconds,
        workers,
        seed,
        deterministic=deterministic,
        stop=stop,
    )
    if result.schedule is None:
        return Ordered(None, float("inf"), result.bound, result.status == "infeasible")
    actions = tuple(a for a in result.schedule.actions if not (a.phase == "W" and f.fused[a.chunk]))
    return Ordered(actions, result.schedule.makespan, result.bound, False)
