"""Factors that turn quantities into stage times and bytes, for a pattern and for a whole split.

Every row of times is a lower bound on the step time. For stage s: the forwards of the stages it
depends on, then all its own work, then its tail; with a fused backward also the backwards of
those stages after its last one.
"""

from __future__ import annotations

import numpy as np

from solver.cost.collectives import Floats
from solver.cost.quantities import COUNT, Quantity
from solver.sharding.energy import Bools, Weights
from solver.sharding.model import StageTerms
from solver.sharding.problem import ShardingProblem
from solver.stages.figures import FUSED_FAMILIES
from solver.stages.pattern import PARTS, Counts, Pattern, counts

WORK = (Quantity.FORWARD, Quantity.INPUT_GRAD, Quantity.WEIGHT_GRAD)


def ancestors(problem: ShardingProblem, pattern: Pattern) -> list[frozenset[int]]:
    """The stages each stage depends on, directly or not."""
    above: list[set[int]] = [set() for _ in range(pattern.stages)]
    for send in sorted(problem.sends, key=lambda x: pattern.stage_of[x.target_unit]):
        s, t = pattern.stage_of[send.source_unit], pattern.stage_of[send.target_unit]
        if s != t:
            above[t].add(s)
    for t in range(pattern.stages):
        for s in sorted(above[t]):
            above[t] |= above[s]
    return [frozenset(a) for a in above]


def _factors(number: Floats, again: Floats, factor: dict[Quantity, float]) -> Floats:
    """[class, part, quantity] factors from counts [class, part]."""
    result = np.zeros((*number.shape, COUNT))
    for quantity, value in factor.items():
        result[..., quantity] = value * (again if quantity == Quantity.AGAIN else number)
    return result


def stage_terms(
    problem: ShardingProblem, pattern: Pattern, in_flight: list[int], capacity: float
) -> StageTerms:
    """The terms of one pattern; `in_flight[s]` micro-batches are held by stage s at its peak."""
    m = float(problem.split.microbatches)
    number = counts(problem, pattern)
    fused = problem.spec.train.pipeline.family in FUSED_FAMILIES
    time, ramps, memory = [], [], []
    above = ancestors(problem, pattern)
    own = {**dict.fromkeys(WORK, m), Quantity.AGAIN: m, Quantity.STEP: 1.0}
    for s in range(pattern.stages):
        units, again = number.units[s], number.again[s]
        row = _factors(units, again, own)
        for t in sorted(above[s]):
            row = row + _factors(number.units[t], number.again[t], {Quantity.FORWARD: 1.0})
        time.append(row)
        if fused and above[s]:
            row = row.copy()
            row[..., Quantity.STEP] = 0.0
            back = {Quantity.INPUT_GRAD: 1.0, Quantity.WEIGHT_GRAD: 1.0, Quantity.AGAIN: 1.0}
            for t in sorted(above[s]):
                row = row + _factors(number.units[t], number.again[t], back)
            ramps.append(row)
        held = float(in_flight[s])
        saved = _factors(
            units - again,
            again,
            {Quantity.SAVED_B: held, Quantity.SAVED_W: held},
        )
        saved[..., Quantity.KEPT] = held * again
        saved[..., Quantity.STATIC] = units
        memory.append(saved)
    held_time, held_memory = _held(problem, number, len(ramps))
    return StageTerms(
        np.array(time + ramps), np.array(memory), held_time, held_memory, number, capacity
    )


def _held(problem: ShardingProblem, number: Counts, ramps: int) -> tuple[Floats, Floats]:
    """Factors of parameters that each stage holds once, per row of times and per stage."""
    stages = len(number.units)
    time = np.zeros((stages + ramps, len(problem.stores), COUNT))
    memory = np.zeros((stages, len(problem.stores), COUNT))
    for j, store in enumerate(problem.stores):
        if store.per_unit:
            continue
        holds = np.flatnonzero(number.units[:, list(store.holders), 0].sum(axis=1) > 0)
        memory[holds, j, Quantity.STATIC] = 1.0
        time[holds, j, Quantity.STEP] = 1.0
    return time, memory


def mean_weights(terms: StageTerms, price: float) -> Weights:
    """One objective from the rows: the mean over the stages' own rows is at most their maximum.

    `price` is seconds per byte of the mean stage memory.
    """
    own = slice(0, len(terms.memory))
    units = terms.time[own].mean(axis=0) + price * terms.memory.mean(axis=0)
    held = terms.held_time[own].mean(axis=0) + price * terms.held_memory.mean(axis=0)
    return Weights(units, dict(enumerate(held)))


def bound_weights(problem: ShardingProblem, price: float, recomputed: Bools) -> Weights:
    """An objective that bounds the step time of *every* pattern of the split from below.

    With P stages and m micro-batches, the last stage starts after the forwards F of the others, and
    for its share x of the work W of a micro-batch, `step >= F - F_last + m x`; the others need
    `step >= m (W - x) / (P - 1)`. Weighted by u = m / ((P-1)(m-1) + m) and 1 - u, with
    F_last <= x, x cancels: `step >= (1 - u) m W / (P - 1) + u F`. (Every stage depends on the one
    before it only in a chain; with branches only `step >= m W / P` is used.) Tails: the mean over
    stages. Memory: at least one micro-batch is in flight on every stage. `recomputed[c]` says
    whether the units of class c are taken as recomputed.
    """
    m, stages = float(problem.split.microbatches), problem.split.stages
    number = np.array([len(c.units) for c in problem.classes], dtype=np.float64)
    units = np.zeros((len(problem.classes), len(PARTS)))
    units[:, PARTS["every"]], units[:, PARTS["first"]] = number, 1.0
    units[:, PARTS["rest"]] = number - 1.0
    again = np.where(recomputed[:, None], units, 0.0)
    work, forward = m / stages, 0.0
    if stages > 1 and is_chain(problem):
        u = m / ((stages - 1) * (m - 1) + m)
        work, forward = (1 - u) * m / (stages - 1), u
    own = {**dict.fromkeys(WORK, work), Quantity.AGAIN: work, Quantity.STEP: 1.0 / stages}
    own[Quantity.FORWARD] += forward
    factors = _factors(units, again, own)
    each = price / stages
    factors[..., Quantity.STATIC] = each * units
    factors[..., Quantity.KEPT] = each * again
    for saved in (Quantity.SAVED_B, Quantity.SAVED_W):
        factors[..., saved] = each * (units - again)
    once = np.zeros(COUNT)
    once[Quantity.STEP], once[Quantity.STATIC] = 1.0 / stages, each
    return Weights(factors, dict.fromkeys(range(len(problem.stores)), once))


def is_chain(problem: ShardingProblem) -> bool:
    """Whether every unit but the first reads from the unit before it, so that stages form a chain
    however units are mapped."""
    joined = {(x.source_unit, x.target_unit) for x in problem.sends}
    return all((u - 1, u) in joined for u in range(1, len(problem.spec.graph.units)))
