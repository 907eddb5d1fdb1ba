"""The critical path of a schedule as a row of times.

Under the order of a schedule the makespan is at least the sum over any path of its durations, and
these are linear in the choices. Where the order is forced that holds for every selection of the
pattern (delays are left out, they are not negative); elsewhere the row tells where a selection
should be shorter for the order at hand.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from solver.cost.quantities import Quantity
from solver.schedule import Action
from solver.sharding.problem import ShardingProblem
from solver.sharding.terms import StageTerms
from solver.stages.figures import StageFigures
from solver.stages.pattern import Pattern, chunk_counts, counts
from solver.stages.rows import rows_of

CLOSE = 1e-9  # relative: ends and starts that meet


def with_path(
    terms: StageTerms,
    problem: ShardingProblem,
    pattern: Pattern,
    f: StageFigures,
    actions: Sequence[Action],
) -> StageTerms:
    """The terms with the critical path of a schedule as a further row."""
    stage, times = critical_path(pattern, f, actions)
    chunks, number = chunk_counts(problem, pattern), counts(problem, pattern)
    step = {Quantity.STEP: 1.0}
    row = rows_of(problem, stage).factors(number.units[stage], number.again[stage], step)
    for (chunk, phase), count in times.items():
        factors = dict.fromkeys(_quantities(phase, f.fused[chunk]), float(count))
        here = rows_of(problem, pattern.placement[chunk])
        row = row + here.factors(chunks.units[chunk], chunks.again[chunk], factors)
    held = np.zeros((len(problem.stores), problem.kinds.width))
    for j, store in enumerate(problem.stores):
        if not store.per_unit and number.units[stage, list(store.holders), 0].sum() > 0:
            held[j, problem.kinds.row(Quantity.STEP, problem.split.kinds[stage])] = 1.0
    return replace(
        terms,
        time=np.concatenate([terms.time, row[None]]),
        held_time=np.concatenate([terms.held_time, held[None]]),
    )


def _quantities(phase: str, fused: bool) -> tuple[Quantity, ...]:
    if phase == "F":
        return (Quantity.FORWARD,)
    if phase == "W":
        return (Quantity.WEIGHT_GRAD,)
    joined = (Quantity.WEIGHT_GRAD,) if fused else ()
    return (Quantity.INPUT_GRAD, Quantity.AGAIN, *joined)


def critical_path(
    pattern: Pattern, f: StageFigures, actions: Sequence[Action]
) -> tuple[int, dict[tuple[int, str], int]]:
    """The stage that ends last, and how often each phase of each chunk is on the path to there."""
    ends = np.zeros(pattern.stages)
    for a in actions:
        stage = pattern.placement[a.chunk]
        ends[stage] = max(ends[stage], a.end)
    stage = int(np.argmax(ends + f.tail))
    within = CLOSE * float(ends.max())
    here = max((a for a in actions if pattern.placement[a.chunk] == stage), key=lambda a: a.end)
    times: dict[tuple[int, str], int] = {}
    left = list(actions)
    while True:
        key = (here.chunk, here.phase)
        times[key] = times.get(key, 0) + 1
        left.remove(here)  # those of no length could lead back to each other
        before = [a for a in left if a.end <= here.start + within]
        causes = [a for a in before if _reaches(a, here, pattern, f, within)]
        if here.start <= within or not causes:
            return stage, times
        here = max(causes, key=lambda a: (a.end, a.start))


def _reaches(one: Action, other: Action, pattern: Pattern, f: StageFigures, within: float) -> bool:
    """Whether an operator starts when another one, or its message, lets it."""
    if pattern.placement[one.chunk] == pattern.placement[other.chunk]:
        return one.end >= other.start - within
    if one.microbatch != other.microbatch or one.phase != other.phase or one.phase == "W":
        return False
    pair = (one.chunk, other.chunk) if one.phase == "F" else (other.chunk, one.chunk)
    return pair in f.delays and one.end + f.delays[pair] >= other.start - within
