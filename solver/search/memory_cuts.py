"""Cuts from schedules that memory made longer.

Bytes are like durations: a schedule that fits also fits where less is held. So a plan of the same
stage map either has some shorter duration or delay, or some stage or chunk that holds less, or it
takes as long (and does not fit, where this one did not). A stage holds less only if its parameters,
what a chunk saves of a micro-batch, or its buffers are less; and buffers are less only if what
made them largest is: an operator, a unit that gathers, or one that is recomputed.
"""

from __future__ import annotations

import numpy as np

from solver.cost.collectives import Floats
from solver.cost.quantities import Quantity
from solver.sharding.problem import Selection, ShardingProblem
from solver.sharding.terms import Cut, CutPart
from solver.stages.figures import StageFigures, group_totals
from solver.stages.pattern import PARTS, Pattern, chunk_counts, counts
from solver.stages.rows import rows_of

SAVED = (Quantity.SAVED_B, Quantity.SAVED_W)


def with_memory(
    cut: Cut,
    problem: ShardingProblem,
    selection: Selection,
    pattern: Pattern,
    f: StageFigures,
) -> Cut:
    """A monotone cut of these figures with bytes among its parts, scaled to the size of seconds:
    nothing that is as long and holds as much takes less."""
    scale = cut.makespan / max(float((f.static + f.buffers + f.on_stages(f.saved)).max()), 1.0)
    found = [*_held(problem, selection, pattern, f), *_buffers(problem, selection, pattern)]
    return Cut((*cut.parts, *(_scaled(part, scale) for part in found)), cut.makespan)


def has_measured(problem: ShardingProblem) -> bool:
    """Whether some operator is measured: what recomputation rebuilds is no sum of choices then."""
    return any(node.variants for node in problem.nodes)


def _scaled(part: CutPart, scale: float) -> CutPart:
    return CutPart(
        part.factors * scale,
        part.held * scale,
        {node: amounts * scale for node, amounts in part.sent.items()},
        {store: rate * scale for store, rate in part.exchanged.items()},
        part.value * scale,
        {store: rate * scale for store, rate in part.gathered.items()},
    )


def _held(
    problem: ShardingProblem, selection: Selection, pattern: Pattern, f: StageFigures
) -> list[CutPart]:
    """Parameters of every stage; what every chunk saves in all, and until W where that is apart."""
    number, chunks = counts(problem, pattern), chunk_counts(problem, pattern)
    totals = group_totals(problem, selection)
    parts = []
    for s, units in enumerate(number.units):
        factors = rows_of(problem, s).factors(units, units, {Quantity.STATIC: 1.0})
        held, value = (
            np.zeros((len(problem.stores), problem.kinds.width)),
            float((factors * totals).sum()),
        )
        for j, store in enumerate(problem.stores):
            if not store.per_unit and units[list(store.holders), 0].sum() > 0:
                held[j, Quantity.STATIC] = 1.0
                label = store.labels[selection.strategies[store.node]]
                value += float(store.costs.table[Quantity.STATIC, label, selection.storage[j]])
        parts.append(CutPart(factors, held, {}, {}, value))
    nothing = np.zeros((len(problem.stores), problem.kinds.width))
    rows = zip(pattern.placement, chunks.units, chunks.again, f.fused, strict=True)
    for s, units, again, is_fused in rows:
        of = rows_of(problem, s)
        for quantities in (SAVED,) if is_fused else (SAVED, SAVED[1:]):
            factors = of.factors(units - again, again, dict.fromkeys(quantities, 1.0))
            factors += of.factors(again, again, {Quantity.KEPT: 1.0})
            parts.append(CutPart(factors, nothing, {}, {}, float((factors * totals).sum())))
    return parts


def _buffers(problem: ShardingProblem, selection: Selection, pattern: Pattern) -> list[CutPart]:
    """What makes the buffers of every stage as large as they are."""
    number, totals = counts(problem, pattern), group_totals(problem, selection)
    none = np.zeros((len(problem.classes), len(PARTS), problem.kinds.width))
    nothing = np.zeros((len(problem.stores), problem.kinds.width))
    parts = []
    for units, again in zip(number.units, number.again, strict=True):
        there = units[:, 0] > 0
        working = {
            n: float(node.working[k])
            for n, (node, k) in enumerate(zip(problem.nodes, selection.strategies, strict=True))
            if there[node.unit_class]
        }
        most = max(working, key=lambda n: working[n])
        amounts: Floats = problem.nodes[most].working
        parts.append(CutPart(none, nothing, {most: amounts}, {}, working[most]))
        gathered = _gathered(problem, selection)
        largest = max(np.flatnonzero(there), key=lambda c: float(gathered[c]))
        rates = {
            j: 1.0
            for j, store in enumerate(problem.stores)
            if problem.nodes[store.node].unit_class == largest
        }
        parts.append(CutPart(none, nothing, {}, {}, float(gathered[largest]), rates))
        rebuilt = []
        for c in range(len(problem.classes)):
            for part in (PARTS["first"], PARTS["rest"]):
                if again[c, part] > 0:
                    factors = none.copy()
                    for at in (PARTS["every"], part):
                        factors[c, at, list(SAVED)] = 1.0
                    value = float((factors * totals).sum())
                    rebuilt.append(CutPart(factors, nothing, {}, {}, value))
        parts += sorted(rebuilt, key=lambda x: x.value)[-1:]
    return parts


def _gathered(problem: ShardingProblem, selection: Selection) -> Floats:
    """[class] bytes of parameters that a unit gathers."""
    found = np.zeros(len(problem.classes))
    for store, z in zip(problem.stores, selection.storage, strict=True):
        label = store.labels[selection.strategies[store.node]]
        found[problem.nodes[store.node].unit_class] += store.costs.gathered[label, z]
    return found
