"""Cuts where overlap is scheduled: collectives once per step, with what hides them, as durations.

With D the last backward of a chunk, F its forward and x the seconds of either in which the stream
is taken, its stage's tail (`solver.stages.hiding`) is the largest over units k and l of

    update + r_0 + ... + r_k - (D - x)_0 - ... - (D - x)_(k-1)
           + g_0 + ... + g_l - (F - x)_0 - ... - (F - x)_(l-1)

For the k and l that decide in a known plan, tail + D + F is a sum T of non-negative terms. Say the
stages are a chain of one chunk each, and in another plan no F, B, W, T or delay is smaller. The end
of a stage comes after one of its forwards and its last backward, so it is later by at least what D
and F have gained; then end + tail >= end - D - F + T is no earlier. Elsewhere what hides a
collective may grow while the end stays, so there its part counts as hidden (`shortened`).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from solver.cost.collectives import Floats
from solver.sharding.problem import Selection, ShardingProblem
from solver.stages.figures import StageFigures, group_totals
from solver.stages.hiding import Side, sides, unit_rows
from solver.stages.pattern import PARTS, Pattern, unit_places
from solver.stages.rows import rows_of


@dataclass(frozen=True, slots=True)
class Hiding:
    """`factors` [stage, class, part, quantity] of T beside the update, and T in `seconds` [stage];
    the step is at least the makespan less `shortened` seconds."""

    factors: Floats
    seconds: Floats
    shortened: float


def hiding(
    problem: ShardingProblem, selection: Selection, pattern: Pattern, f: StageFigures
) -> Hiding:
    """What a cut has to say of the tails; they alone where overlap is a share."""
    factors = np.zeros((pattern.stages, len(problem.classes), len(PARTS), problem.kinds.width))
    if f.exposed is None:
        return Hiding(factors, f.tail, 0.0)
    if pattern.has_several_chunks:
        both = f.exposed.reduce + f.exposed.gather
        return Hiding(factors, f.tail - both, float(both.max()))
    rows = unit_rows(problem, group_totals(problem, selection), pattern)
    left = f.exposed.gather * (not problem.wiring.is_chain)
    seconds = f.tail - left
    for stage in range(pattern.stages):
        reduce, gather = sides(rows, pattern, pattern.chunks_on(stage)[0], f.fused)
        for side in (reduce, gather) if problem.wiring.is_chain else (reduce,):
            seconds[stage] += side.compute.sum()
            factors[stage] += _factors(problem, pattern, stage, side)
    return Hiding(factors, seconds, float(left.max()))


def _factors(problem: ShardingProblem, pattern: Pattern, stage: int, side: Side) -> Floats:
    """[class, part, quantity] of one side of T on a stage of one chunk."""
    found = np.zeros((len(problem.classes), len(PARTS), problem.kinds.width))
    places = zip(unit_places(problem), pattern.stage_of, pattern.again, strict=True)
    here = [(place, again) for place, s, again in places if s == stage]
    rows = rows_of(problem, stage)
    for n, ((c, i), again) in enumerate(here):
        one = np.zeros((len(problem.classes), len(PARTS)))
        one[c, [PARTS["every"], PARTS["first" if i == 0 else "rest"]]] = 1.0
        named = side.behind if n >= side.decides else side.taken
        found += rows.factors(one, one * again, dict.fromkeys(named, 1.0))
        if n <= side.decides:
            found += rows.factors(one, one * again, {side.collective: 1.0})
    return found
