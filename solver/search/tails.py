"""What a stage does after its last operator, at least, as linear functions of the choices.

Where overlap is a share that is its work once per step. Where it is scheduled, the tail of a stage
of one chunk is the largest over units k and l of (`solver.stages.hiding`)

    update + r_0 + ... + r_k - (D - x)_0 - ... - (D - x)_(k-1)
           + g_0 + ... + g_l - (F - x)_0 - ... - (F - x)_(l-1)

Along units that are alike this is linear in k, so the ends of every run of such units are enough; a
unit without parameters never decides but as the first. With more than `MOST` units left, only the
first and the last one count; with several chunks on a stage all of its collectives less the whole
of an operator of its first chunk.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence

import numpy as np

from solver.cost.collectives import Floats
from solver.cost.quantities import Quantity
from solver.sharding.problem import ShardingProblem
from solver.stages.figures import is_always_fused
from solver.stages.pattern import PARTS, Pattern, unit_places
from solver.stages.rows import rows_of

Factors = dict[Quantity, float]
MOST = 7


def mean_tails(problem: ShardingProblem) -> list[Factors]:
    """Tails of any stage, whatever is on it: nothing hidden is left, or all collectives less whole
    operators."""
    found: list[Factors] = [{Quantity.STEP: 1.0}]
    if problem.spec.train.overlap == "scheduled":
        again = problem.spec.train.recompute != "none"
        behind = dict.fromkeys(_behind(problem, again)[0], -1.0)
        reduce, gather = {Quantity.REDUCE: 1.0} | behind, _GATHERS | {Quantity.FORWARD: -1.0}
        found += [found[0] | reduce, found[0] | gather, found[0] | reduce | gather]
    return found


_GATHERS: Factors = {Quantity.REGATHER: 1.0}


def stage_tails(problem: ShardingProblem, pattern: Pattern) -> list[list[Floats]]:
    """For every stage under a pattern the [class, part, quantity] of its functions; as many for
    each, the first ones more than once where there are fewer."""
    found = [_tails(problem, pattern, stage) for stage in range(pattern.stages)]
    most = max(len(tails) for tails in found)
    return [tails + [tails[0]] * (most - len(tails)) for tails in found]


def _tails(problem: ShardingProblem, pattern: Pattern, stage: int) -> list[Floats]:
    units = [u for u, s in enumerate(pattern.stage_of) if s == stage]
    once = _sum(problem, pattern, units, {Quantity.STEP: 1.0})
    if problem.spec.train.overlap != "scheduled":
        return [once]
    chunk = pattern.chunks_on(stage)[0]
    first = [u for u in units if pattern.chunk_of[u] == chunk]
    behind, taken = _behind(problem, any(pattern.again[u] for u in first))
    reduce = (Quantity.REDUCE, behind, taken)
    gather = (Quantity.REGATHER, (Quantity.FORWARD,), (Quantity.GATHER,))
    both = []
    for side in (reduce, gather):
        if pattern.has_several_chunks:
            late = _sum(problem, pattern, units, {side[0]: 1.0})
            hidden = _sum(problem, pattern, first, dict.fromkeys(side[1], 1.0))
            both.append([np.zeros_like(once), late - hidden])
        else:
            both.append(list(_waits(problem, pattern, units, side)))
    return [once + one + other for one, other in itertools.product(*both)]


Side = tuple[Quantity, tuple[Quantity, ...], tuple[Quantity, ...]]


def _behind(
    problem: ShardingProblem, again: bool
) -> tuple[tuple[Quantity, ...], tuple[Quantity, ...]]:
    """The quantities of a last backward, and those of the stream in it: of the whole backward where
    it is, or may be, one operator."""
    measured = any(node.variants for node in problem.nodes)
    if not (again or measured or is_always_fused(problem)):
        return (Quantity.WEIGHT_GRAD,), (Quantity.SCATTER,)
    behind = (Quantity.WEIGHT_GRAD, Quantity.INPUT_GRAD, Quantity.AGAIN)
    return behind, ((Quantity.SCATTER,) if measured else (Quantity.SCATTER, Quantity.GATHER))


def _waits(
    problem: ShardingProblem, pattern: Pattern, units: Sequence[int], side: Side
) -> Iterator[Floats]:
    """What is left of one collective because of every unit that may decide."""
    collective, behind, taken = side
    free = dict.fromkeys(behind, -1.0) | dict.fromkeys(taken, 1.0)
    for n in _deciding(problem, pattern, units):
        late = _sum(problem, pattern, units[: n + 1], {collective: 1.0})
        yield late + _sum(problem, pattern, units[:n], free)


def _deciding(problem: ShardingProblem, pattern: Pattern, units: Sequence[int]) -> list[int]:
    """Which units of a chunk can be that because of which most is left."""
    places, stored = (
        unit_places(problem),
        {problem.nodes[s.node].unit_class for s in problem.stores},
    )
    kinds = [(places[u][0], places[u][1] == 0, pattern.again[u]) for u in units]
    last = len(units) - 1
    found = [
        n
        for n, kind in enumerate(kinds)
        if n == 0
        or (kind[0] in stored and (n == last or kinds[n - 1] != kind or kinds[n + 1] != kind))
    ]
    return found if len(found) <= MOST else [found[0], found[-1]]


def _sum(
    problem: ShardingProblem, pattern: Pattern, units: Sequence[int], factor: Factors
) -> Floats:
    """Factors of the sum of quantities over some units of a stage."""
    number = np.zeros((len(problem.classes), len(PARTS)))
    again, places = number.copy(), unit_places(problem)
    for c, i, recomputed in ((*places[u], pattern.again[u]) for u in units):
        parts = [PARTS["every"], PARTS["first" if i == 0 else "rest"]]
        number[c, parts] += 1.0
        again[c, parts] += recomputed
    stage = pattern.stage_of[units[0]] if units else 0
    return rows_of(problem, stage).factors(number, again, factor)
