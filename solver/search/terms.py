"""Factors that turn quantities into stage times and bytes, for a pattern and for a whole split.

Every row of times is a lower bound on the step time. For stage s: the forwards of the chunks that
its first chunk depends on, then all its own work, then its tail; and those forwards, its forwards
and input gradients, then the input gradients of those chunks (`_ramp`). Both hold because on such
a stage the first operator of a micro-batch is a forward, the last a backward of its first chunk.
Each function that bounds the tail of a stage (`solver.search.tails`) makes a row of its own.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import numpy as np

from solver.cost.collectives import Floats
from solver.cost.quantities import Quantity
from solver.search.tails import mean_tails, stage_tails
from solver.sharding.problem import ShardingProblem
from solver.sharding.terms import SoftLimit, StageTerms, Weights
from solver.stages.figures import FUSED_FAMILIES
from solver.stages.pattern import PARTS, Counts, Pattern, by_stage, chunk_counts, counts
from solver.stages.placement import placement
from solver.stages.rows import Rows, rows_of

EXTREMES = 2  # layer classes whose recomputation is tried both ways
WORK = (Quantity.FORWARD, Quantity.INPUT_GRAD, Quantity.WEIGHT_GRAD)


def ancestors(problem: ShardingProblem, pattern: Pattern) -> list[frozenset[int]]:
    """For each chunk the longest chain of chunks that lead to it, one reading from the other.

    Chunks of parallel branches run side by side, so only those of one chain add up.
    """
    before: list[set[int]] = [set() for _ in range(pattern.chunks)]
    for send in problem.sends:
        s, t = pattern.chunk_of[send.source_unit], pattern.chunk_of[send.target_unit]
        if s != t:
            before[t].add(s)
    chains: list[frozenset[int]] = []
    for t in range(pattern.chunks):
        leading = [chains[s] | {s} for s in sorted(before[t])]
        chains.append(max(leading, key=len, default=frozenset()))
    return chains


def leading(problem: ShardingProblem, pattern: Pattern) -> list[list[int]]:
    """For each stage chunks, one after the other, that everything on it waits for: those that lead
    to its first chunk, where all its others come after that one."""
    chains = ancestors(problem, pattern)
    found = []
    for stage in range(pattern.stages):
        first, *others = (c for c, s in enumerate(pattern.placement) if s == stage)
        follow = all(first in chains[c] for c in others)
        found.append(sorted(chains[first]) if follow else [])
    return found


def are_held_together(problem: ShardingProblem) -> bool:
    """Whether a micro-batch is at some time in all chunks of a stage at once."""
    pipeline, split = problem.spec.train.pipeline, problem.split
    return problem.wiring.is_chain or len(placement(pipeline, split.stages)) == split.stages


def stage_terms(
    problem: ShardingProblem,
    pattern: Pattern,
    in_flight: list[int],
    capacity: float | Floats,
    soft: tuple[SoftLimit, ...] = (),
) -> StageTerms:
    """The terms of one pattern; `in_flight[c]` micro-batches are in chunk c when its stage holds
    most; `capacity` is that of every stage, or of each."""
    m = float(problem.split.microbatches)
    chunks, number = chunk_counts(problem, pattern), counts(problem, pattern)
    fused = problem.spec.train.pipeline.family in FUSED_FAMILIES
    time, ramps = [], []
    above = leading(problem, pattern)
    own = {**dict.fromkeys(WORK, m), Quantity.AGAIN: m}
    tails = stage_tails(problem, pattern)
    for s in range(pattern.stages):
        row = rows_of(problem, s).factors(number.units[s], number.again[s], own)
        for t in above[s]:
            there = rows_of(problem, pattern.placement[t])
            row = row + there.factors(chunks.units[t], chunks.again[t], {Quantity.FORWARD: 1.0})
        time += [row + tail for tail in tails[s]]
        if above[s]:
            ramps.append(_ramp(problem, pattern, chunks, number, s, above[s], m, fused))
    held = np.array(in_flight, dtype=np.float64)[:, None, None]
    again = by_stage(pattern, held * chunks.again)
    saved = by_stage(pattern, held * chunks.units) - again
    memory = np.zeros((*saved.shape, problem.kinds.width))
    memory[..., Quantity.SAVED_B] = memory[..., Quantity.SAVED_W] = saved
    memory[..., Quantity.KEPT] = again
    memory[..., Quantity.STATIC] = number.units
    held_time, held_memory = _held(problem, number, len(tails[0]), len(ramps))
    room = np.array(np.broadcast_to(capacity, pattern.stages), dtype=np.float64)
    return StageTerms(np.array(time + ramps), memory, held_time, held_memory, number, room, soft)


def _ramp(
    problem: ShardingProblem,
    pattern: Pattern,
    chunks: Counts,
    number: Counts,
    stage: int,
    above: list[int],
    m: float,
    fused: bool,
) -> Floats:
    """The other way around the pipeline: the forwards that lead to the stage, all its forwards and
    input gradients, after the last of which its micro-batch goes back up the chain and ends with
    the weight gradient of the first chunk and the tail of its stage."""
    there = dict.fromkeys((Quantity.FORWARD, Quantity.INPUT_GRAD, Quantity.AGAIN), 1.0)
    if fused:
        there[Quantity.WEIGHT_GRAD] = 1.0
    own = {quantity: m * factor for quantity, factor in there.items()}
    row = rows_of(problem, stage).factors(number.units[stage], number.again[stage], own)
    for t in above:
        last = {Quantity.WEIGHT_GRAD: 1.0} if t == above[0] else {}
        here = rows_of(problem, pattern.placement[t])
        row = row + here.factors(chunks.units[t], chunks.again[t], {**there, **last})
    s = pattern.placement[above[0]]
    tail = {Quantity.STEP: 1.0}
    return row + rows_of(problem, s).factors(number.units[s], number.again[s], tail)


def _held(
    problem: ShardingProblem, number: Counts, tails: int, ramps: int
) -> tuple[Floats, Floats]:
    """Factors of parameters that each stage holds once, per row of times and per stage."""
    stages = len(number.units)
    kinds = problem.kinds
    time = np.zeros((tails * stages + ramps, len(problem.stores), kinds.width))
    memory = np.zeros((stages, len(problem.stores), kinds.width))
    for j, store in enumerate(problem.stores):
        if store.per_unit:
            continue
        holds = np.flatnonzero(number.units[:, list(store.holders), 0].sum(axis=1) > 0)
        memory[holds, j, Quantity.STATIC] = 1.0
        for stage in holds.tolist():
            row = kinds.row(Quantity.STEP, problem.split.kinds[stage])
            time[tails * stage : tails * (stage + 1), j, row] = 1.0
    return time, memory


def bound_weights(problem: ShardingProblem) -> list[Weights]:
    """Objectives that each bound the step time of *every* pattern of the split from below, with P
    stages, m micro-batches and W = F + B + weight gradients the work of one micro-batch.

    1. Means. The mean over stages of `m W_s + tail_s` is at most the step. In a chain of one chunk
       per stage the last one also waits for forwards before it: `step >= F - F_last + m W_last`,
       and the others need `m (W - W_last) / (P - 1)`. Weighted by u = m / ((P-1)(m-1) + m) and
       1 - u, with F_last <= W_last, the last stage cancels: `step >= (1 - u) m W / (P - 1) + u F`.
    2. The ramp of such a chain. Before its first forward stage s waits for the forwards of the
       stages before it, after its last input gradient those stages run theirs:
       `step >= A_before + m A_s` with A = F + B (with a fused backward A = W). The least maximum
       over s has all of them equal, A_s = A_0 (1 - 1/m)^s, so `step >= A / (1 - (1 - 1/m)^P)`.
    3. The mean over stages with the other tails (`mean_tails`), less what hides them everywhere.

    Of a split that stands for several counts, only the mean over stages is known to hold: the work
    of all micro-batches is least with the least of them.

    With several kinds of devices means are weighted by shares (`solver.cost.kinds`); what needs a
    chain counts each unit on the devices that take least.
    """
    m, stages = float(problem.split.microbatches), problem.split.stages
    chunks = len(placement(problem.spec.train.pipeline, stages))
    chain = chunks == stages > 1 and problem.wiring.is_chain and not problem.split.counts
    least, shared = problem.kinds.least, problem.kinds.shared
    mean = {**dict.fromkeys(WORK, m / stages), Quantity.STEP: 1.0 / stages}
    found = [_everywhere(problem, mean, shared)] if not chain or least != shared else []
    if chain:
        u = m / ((stages - 1) * (m - 1) + m)
        both = {**mean, **dict.fromkeys(WORK, (1 - u) * m / (stages - 1))}
        both[Quantity.FORWARD] += u
        found.append(_everywhere(problem, both, least))
    for tail in mean_tails(problem)[1:]:
        total = tail | {quantity: m + tail.get(quantity, 0.0) for quantity in WORK}
        total.pop(Quantity.AGAIN, None)
        found.append(_everywhere(problem, {q: x / stages for q, x in total.items()}, shared))
    if chain:
        factor = 1.0 / (1.0 - (1.0 - 1.0 / m) ** stages)
        fused = problem.spec.train.pipeline.family in FUSED_FAMILIES
        ramp = dict.fromkeys(WORK if fused else WORK[:2], factor)
        found.append(_everywhere(problem, ramp, least))
    return found


def priced_weights(problem: ShardingProblem, price: float, mode: str) -> Iterator[Weights]:
    """The first objective of `bound_weights` plus `price` seconds per byte of mean stage memory,
    with one micro-batch in flight; one for each extreme of recomputation.

    For fixed strategies, time and memory are linear in how many layers are recomputed, so the
    minimum over the extremes bounds everything between them.
    """
    base = bound_weights(problem)[0]
    stages = problem.split.stages
    each = price / stages
    units = unit_counts(problem)
    for extreme in extremes(problem, mode):
        factors = base.units.copy()
        again = np.where(extreme[:, None] == 1, units, 0.0)
        plain = np.where(extreme[:, None] == 0, units, 0.0)
        repeated = problem.kinds.row(Quantity.AGAIN, problem.kinds.shared)
        factors[..., repeated] = problem.split.microbatches / stages * again
        factors[..., Quantity.STATIC] = each * units
        if are_held_together(problem):
            factors[..., Quantity.KEPT] = each * again
            factors[..., Quantity.SAVED_B] = factors[..., Quantity.SAVED_W] = each * plain
        held = base.held.copy()
        held[:, Quantity.STATIC] = each
        yield Weights(factors, held)


def extremes(problem: ShardingProblem, mode: str) -> Iterator[Floats]:
    """Recomputation of every class: 1, 0, or 2 for "counts neither way" (a valid relaxation)."""
    layers = [c for c, k in enumerate(problem.classes) if k.is_layer]
    again = np.zeros(len(problem.classes))
    if mode != "auto":
        again[:] = mode == "full"
        yield again
        return
    again[layers[EXTREMES:]] = 2
    for values in itertools.product((0, 1), repeat=min(EXTREMES, len(layers))):
        again[layers[:EXTREMES]] = values
        yield again.copy()


def unit_counts(problem: ShardingProblem) -> Floats:
    """[class, part]: how many units of the graph are in each group.

    Where a stage begins, the unit before may have made other choices, so there a bound leaves out
    what is redistributed between the two.
    """
    number = np.array([len(c.units) for c in problem.classes], dtype=np.float64)
    units = np.zeros((len(problem.classes), len(PARTS)))
    units[:, PARTS["every"]], units[:, PARTS["first"]] = number, 1.0
    units[:, PARTS["rest"]] = np.maximum(number - problem.split.stages, 0.0)
    return units


def _everywhere(problem: ShardingProblem, factor: dict[Quantity, float], block: int) -> Weights:
    """The same factors for every unit of the graph, wherever it is, as a block of tables says."""
    units, kinds = unit_counts(problem), problem.kinds
    held = np.zeros((len(problem.stores), kinds.width))
    held[:, kinds.row(Quantity.STEP, block)] = factor.get(Quantity.STEP, 0.0)
    return Weights(Rows(kinds, block).factors(units, np.zeros_like(units), factor), held)
