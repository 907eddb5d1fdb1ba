"""How far a number may move until another plan is better.

Plans are those that searches found with the numbers as they are and at the end of every range; each
is priced anew along the way. A plan that no search found could be better still, so a range is at
most this wide. Between its value and an end a number is halved towards the first plan that wins.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from dsl.spec import Spec
from solver.events import Document
from solver.sensitivity.sides import Side
from solver.verify.evaluate import IllegalDecisionsError
from solver.verify.reprice import reprice
from solver.verify.simulate import DeadlockError

TOLERANCE = 1e-3  # of the objective: plans within it are as good
HALVINGS = 6


@dataclass(frozen=True, slots=True)
class Reach:
    """One side of one number. `limit`: up to this factor the plan stays best (None: to the end).
    `rival` is the best other plan at the end, `gain` the share of the plan's objective it saves."""

    side: Side
    limit: float | None
    rival: Document | None
    gain: float


def reach(side: Side, spec: Spec, plan: Document, others: Sequence[Document]) -> Reach:
    """How far the number of a side may move towards it."""
    own = _objective(plan, side.spec(spec))
    rivals = [(_objective(other, side.spec(spec)), at) for at, other in enumerate(others)]
    best, at = min(rivals, default=(math.inf, -1))
    if not best < own * (1 - TOLERANCE):
        return Reach(side, None, None, 0.0)
    winners = [others[i] for value, i in rivals if value < own * (1 - TOLERANCE)]
    stays, falls = 0.0, math.log(side.factor)
    for _ in range(HALVINGS):
        middle = (stays + falls) / 2
        if _stays(plan, winners, Side(side.parameter, side.end, math.exp(middle)).spec(spec)):
            stays = middle
        else:
            falls = middle
    return Reach(side, math.exp(stays), others[at], 1 - best / own)


def _stays(plan: Document, winners: Sequence[Document], spec: Spec) -> bool:
    own = _objective(plan, spec)
    return all(own * (1 - TOLERANCE) <= _objective(other, spec) for other in winners)


def _objective(document: Document, spec: Spec) -> float:
    """Of a plan under a spec; beyond all others where it cannot be run there."""
    try:
        return reprice(document, spec).objective
    except (IllegalDecisionsError, DeadlockError):
        return math.inf
