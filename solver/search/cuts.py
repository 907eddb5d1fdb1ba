"""Cuts from a schedule back to the sharding choice."""

from __future__ import annotations

import numpy as np

from solver.cost.collectives import Floats
from solver.cost.quantities import Quantity
from solver.search.hiding import Hiding, hiding
from solver.sharding.problem import Selection, ShardingProblem
from solver.sharding.terms import Cut, CutPart
from solver.stages.figures import StageFigures
from solver.stages.pattern import Pattern, chunk_counts, counts
from solver.stages.rows import rows_of


def memory_never_binds(f: StageFigures, microbatches: int, capacity: Floats) -> bool:
    """Whether every stage could hold all micro-batches at once: then only durations matter."""
    most = f.static + f.buffers + microbatches * f.on_stages(f.saved)
    return bool(np.all(most <= capacity))


def monotone_cut(
    problem: ShardingProblem,
    selection: Selection,
    pattern: Pattern,
    f: StageFigures,
    makespan: float,
) -> Cut:
    """No plan of this pattern whose durations and delays are all at least these is shorter than
    `makespan`, a proven lower bound for them. Valid where memory never binds."""
    number = chunk_counts(problem, pattern)
    back, weight = (Quantity.INPUT_GRAD, Quantity.AGAIN), (Quantity.WEIGHT_GRAD,)
    nothing = np.zeros((len(problem.stores), problem.kinds.width))
    parts = []
    for c in range(pattern.chunks):
        durations: list[tuple[tuple[Quantity, ...], float]] = [((Quantity.FORWARD,), f.forward[c])]
        if f.fused[c]:
            durations.append((back + weight, f.input_grad[c]))
        else:
            durations += [(back, f.input_grad[c]), (weight, f.weight_grad[c])]
        for quantities, value in durations:
            here = rows_of(problem, pattern.placement[c])
            factors = here.factors(number.units[c], number.again[c], dict.fromkeys(quantities, 1.0))
            parts.append(CutPart(factors, nothing, {}, {}, float(value)))
    hidden = hiding(problem, selection, pattern, f)
    parts += _tails(problem, pattern, hidden)
    parts += _transfers(problem, selection, pattern)
    return Cut(tuple(parts), makespan - hidden.shortened)


def _tails(problem: ShardingProblem, pattern: Pattern, hidden: Hiding) -> list[CutPart]:
    """What every stage does once per step, with what hides a part of it."""
    number = counts(problem, pattern)
    parts = []
    for s, (units, again) in enumerate(zip(number.units, number.again, strict=True)):
        factors = rows_of(problem, s).factors(units, again, {Quantity.STEP: 1.0})
        factors = factors + hidden.factors[s]
        sums = _exchanged(problem, number.units, s)
        held = _held(problem, units, s)
        parts.append(CutPart(factors, held, {}, sums, float(hidden.seconds[s])))
    return parts


def _held(problem: ShardingProblem, units: Floats, stage: int) -> Floats:
    held = np.zeros((len(problem.stores), problem.kinds.width))
    row = problem.kinds.row(Quantity.STEP, problem.split.kinds[stage])
    for j, store in enumerate(problem.stores):
        if not store.per_unit and units[list(store.holders), 0].sum() > 0:
            held[j, row] = 1.0
    return held


def _exchanged(problem: ShardingProblem, units: Floats, stage: int) -> dict[int, float]:
    """Seconds per byte that a stage takes to sum gradients with the other holders of a parameter
    (solver/README.md, section 6)."""
    found = {}
    for j, store in enumerate(problem.stores):
        holding = units[:, list(store.holders), 0].sum(axis=1) > 0
        count = int(holding.sum())
        link = problem.split.link_between(np.flatnonzero(holding).tolist())
        if link is not None and not store.per_unit and holding[stage] and count > 1:
            found[j] = 2 * (count - 1) / count / link.bandwidth
    return found


def _transfers(problem: ShardingProblem, selection: Selection, pattern: Pattern) -> list[CutPart]:
    if problem.spec.train.transfer is not None:
        return []
    none = np.zeros((len(problem.classes), 3, problem.kinds.width))
    held = np.zeros((len(problem.stores), problem.kinds.width))
    pairs: dict[tuple[int, int], dict[str, tuple[int, Floats]]] = {}
    for send in problem.sends:
        pair = pattern.chunk_of[send.source_unit], pattern.chunk_of[send.target_unit]
        stages = {pattern.placement[chunk] for chunk in pair}
        if len(stages) > 1:
            link = problem.split.link_between(stages)
            assert link is not None
            pairs.setdefault(pair, {})[send.tensor] = (send.node, send.volume / link.bandwidth)
    parts = []
    for sent in pairs.values():
        seconds: dict[int, Floats] = {}
        for node, each in sent.values():
            seconds[node] = seconds[node] + each if node in seconds else each
        value = sum(float(each[selection.strategies[n]]) for n, each in seconds.items())
        parts.append(CutPart(none, held, seconds, {}, value))
    return parts
