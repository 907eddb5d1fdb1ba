"""What is left of the collectives once per step where overlap is scheduled (solver/README.md 6).

The reduction of a unit's gradient runs on the communication stream once the backward of the unit is
done, in the last backward of its chunk; the gather of updated parameters runs before the first
forward of a chunk has reached the unit. Both leave the same: with c the seconds of the units of a
chunk in program order and f what their compute leaves free on the stream,

    largest over k of  c_0 + ... + c_k - f_0 - ... - f_(k-1)

Of several chunks on a stage any may be last (or first): the others' collectives then have all of
its operator to hide behind, whatever the order was before.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from solver.cost.collectives import Floats
from solver.cost.quantities import Quantity
from solver.sharding.problem import ShardingProblem
from solver.stages.pattern import PARTS, Pattern, unit_places


@dataclass(frozen=True, slots=True)
class Exposed:
    """Seconds per step of every stage that no compute hides."""

    reduce: Floats
    gather: Floats


@dataclass(frozen=True, slots=True)
class Side:
    """One collective of a chunk and the operator beside it, unit by unit in program order.

    `seconds` of the `collective`; `compute` is the sum of the quantities `behind`, of which the
    stream needs those `taken`.
    """

    collective: Quantity
    behind: tuple[Quantity, ...]
    taken: tuple[Quantity, ...]
    seconds: Floats
    compute: Floats
    free: Floats

    @property
    def waits(self) -> Floats:
        """What is left at least because of every unit."""
        return np.asarray(np.cumsum(self.seconds) - np.cumsum(self.free) + self.free)

    @property
    def decides(self) -> int:
        """The unit because of which most is left."""
        return int(np.argmax(self.waits))


def unit_rows(problem: ShardingProblem, totals: Floats, pattern: Pattern) -> Floats:
    """[unit, quantity] of every unit in graph order on the devices of its stage, from [class, part,
    row]."""
    places = unit_places(problem)
    classes = [c for c, _ in places]
    parts = [PARTS["first" if i == 0 else "rest"] for _, i in places]
    kinds = [problem.split.kinds[stage] for stage in pattern.stage_of]
    return problem.kinds.own(totals[classes, 0] + totals[classes, parts], kinds)


def exposed(rows: Floats, pattern: Pattern, fused: tuple[bool, ...]) -> Exposed:
    """What is left on every stage, from the [unit, quantity] of `unit_rows`."""
    found = []
    for stage in range(pattern.stages):
        both = [sides(rows, pattern, c, fused) for c in pattern.chunks_on(stage)]
        found.append([_left(chunks) for chunks in zip(*both, strict=True)])
    return Exposed(*np.array(found).T)


def sides(rows: Floats, pattern: Pattern, chunk: int, fused: tuple[bool, ...]) -> tuple[Side, Side]:
    """Reductions beside the last backward of a chunk, gathers beside its first forward."""
    units = [u for u, c in enumerate(pattern.chunk_of) if c == chunk]
    again = np.array(pattern.again)[units]
    behind: tuple[Quantity, ...] = (Quantity.WEIGHT_GRAD,)
    taken: tuple[Quantity, ...] = (Quantity.SCATTER,)
    if fused[chunk]:
        behind += (Quantity.INPUT_GRAD, Quantity.AGAIN)
        taken += (Quantity.GATHER,)
    reduce = _side(rows[units], again, Quantity.REDUCE, behind, taken)
    forward, gather = (Quantity.FORWARD,), (Quantity.GATHER,)
    return reduce, _side(rows[units], again, Quantity.REGATHER, forward, gather)


def _side(
    rows: Floats,
    again: Floats,
    collective: Quantity,
    behind: tuple[Quantity, ...],
    taken: tuple[Quantity, ...],
) -> Side:
    compute = rows[:, [q for q in behind if q != Quantity.AGAIN]].sum(axis=1)
    if Quantity.AGAIN in behind:
        compute = compute + again * rows[:, Quantity.AGAIN]
    free = np.maximum(compute - rows[:, list(taken)].sum(axis=1), 0.0)  # less is rounding
    return Side(collective, behind, taken, rows[:, collective], compute, free)


def _left(chunks: Sequence[Side]) -> float:
    """Seconds left of the collectives of a stage's chunks, whichever is last (or first)."""
    total = sum(float(side.seconds.sum()) for side in chunks)
    return max(max(float(s.waits.max()), total - float(s.free.sum())) for s in chunks)
