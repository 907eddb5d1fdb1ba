"""From stage figures to a timed order of operators."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from solver.cost.collectives import Floats
from solver.schedule import Action, Chunk, Edge, OrderPin, ScheduleProblem, estimate, lower_bound
from solver.schedule import solve as solve_schedule
from solver.schedule.families import refusal
from solver.stages.figures import StageFigures
from solver.stages.pattern import Pattern

JOINED: dict[str, str | None] = {"zb_h1": "one_f_one_b", "zb_h2": None}
"""What is left of a family that moves weight gradients when every chunk runs them in its B."""
APART = ("zb_v", "v_half", "v_min")
"""Families that need the weight gradients of every chunk apart."""


@dataclass(frozen=True, slots=True)
class Ordered:
    """A timed schedule and a lower bound for these figures on the makespan with what broken soft
    pins cost; `actions` is None when nothing fits or nothing was found, then `infeasible` tells
    which. `proved`: no schedule of these figures is better."""

    actions: tuple[Action, ...] | None
    makespan: float
    bound: float
    infeasible: bool
    proved: bool = False


def schedule_problem(
    f: StageFigures,
    microbatches: int,
    capacity: float | Floats,
    family: str | None,
    pins: tuple[OrderPin, ...] = (),
) -> ScheduleProblem:
    """The scheduler's problem: one device per stage; `capacity` is that of every stage, or of
    each."""
    chunks = tuple(
        Chunk(
            name=f"chunk {c}",
            device=stage,
            forward=float(f.forward[c]),
            input_grad=float(f.input_grad[c]),
            weight_grad=float(f.weight_grad[c]),
            activation_bytes=float(f.saved_b[c] + f.saved_w[c]),
            released_by_input_grad=float(f.saved_b[c]),
        )
        for c, stage in enumerate(f.pattern.placement)
    )
    edges = tuple(Edge(s, t, d) for (s, t), d in sorted(f.delays.items()))
    room = tuple(float(x) for x in capacity - f.static - f.buffers)
    return ScheduleProblem(
        devices=f.pattern.stages,
        chunks=chunks,
        edges=edges,
        microbatches=microbatches,
        capacity_bytes=room,
        tails=tuple(float(t) for t in f.tail),
        split_backward=not all(f.fused),
        family=JOINED.get(family, family) if family and all(f.fused) else family,
        pins=pins,
    )


def takes(family: str | None, pattern: Pattern, edges: Iterable[Edge], microbatches: int) -> bool:
    """Whether a schedule family has an order for chunks that depend on each other like this."""
    if family is None:
        return True
    if family in APART and any(pattern.again):
        return False
    chunks = tuple(Chunk("", stage, 0.0, 0.0, 0.0, 0.0, 0.0) for stage in pattern.placement)
    none = (0.0,) * pattern.stages
    problem = ScheduleProblem(
        pattern.stages, chunks, tuple(edges), microbatches, none, none, split_backward=True
    )
    return refusal(problem, family) is None


def quick(
    f: StageFigures,
    microbatches: int,
    capacity: float | Floats,
    family: str | None,
    pins: tuple[OrderPin, ...] = (),
) -> float:
    """A makespan, with what broken soft pins cost, that a constructive schedule reaches (infinite:
    none fits)."""
    problem = schedule_problem(f, microbatches, capacity, family, pins)
    if not fits(f, capacity) or not _has_order(problem, f):
        return float("inf")
    return estimate(problem)


def _has_order(problem: ScheduleProblem, f: StageFigures) -> bool:
    if problem.family in APART and any(f.fused):
        return False
    return problem.family is None or refusal(problem, problem.family) is None


def floor(
    f: StageFigures, microbatches: int, capacity: float | Floats, family: str | None
) -> float:
    """A combinatorial lower bound on the makespan."""
    return lower_bound(schedule_problem(f, microbatches, capacity, family))


def fits(f: StageFigures, capacity: float | Floats) -> bool:
    """Whether every stage holds at least one micro-batch, by what is known before scheduling."""
    return bool(np.all(f.static + f.buffers + f.least_saved <= capacity))


def order(
    f: StageFigures,
    microbatches: int,
    capacity: float | Floats,
    family: str | None,
    pins: tuple[OrderPin, ...],
    seconds: float,
    workers: int,
    seed: int,
    deterministic: bool,
    stop: threading.Event,
) -> Ordered:
    """The best schedule found; the weight gradient of a fused chunk is part of its B."""
    problem = schedule_problem(f, microbatches, capacity, family, pins)
    if not fits(f, capacity) or not _has_order(problem, f):
        return Ordered(None, float("inf"), float("inf"), True)
    result = solve_schedule(
        problem,
        seconds,
        workers,
        seed,
        deterministic=deterministic,
        stop=stop,
    )
    if result.schedule is None:
        return Ordered(None, float("inf"), result.bound, result.status == "infeasible")
    actions = tuple(a for a in result.schedule.actions if not (a.phase == "W" and f.fused[a.chunk]))
    proved = result.schedule.proved
    return Ordered(actions, result.schedule.makespan, result.bound, False, proved)
