"""The best selection for one pattern of stages: lowered to the engine's form, solved, read back."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from solver.cpsat import Limits
from solver.engine.medium import solve_medium
from solver.sharding.lower.lowering import STEP_TIME, Aim, lower
from solver.sharding.lower.tables import Tables
from solver.sharding.problem import Selection
from solver.sharding.terms import Cut, StageTerms


@dataclass(frozen=True, slots=True)
class Choice:
    """A selection (None: none below the cutoff), its value by the rows of `StageTerms` (or its
    bytes) with penalties, and a lower bound for every selection of this pattern; the bound is at
    most the cutoff, since what is above does not matter."""

    selection: Selection | None
    value: float
    bound: float


def choose(
    tables: Tables,
    terms: StageTerms,
    cutoff: float,
    limits: Limits,
    aim: Aim = STEP_TIME,
    cuts: Sequence[Cut] = (),
    prove: bool = True,
) -> Choice:
    """The best selection that fits and that no cut from a schedule rules out; nothing at or above
    `cutoff` is of interest. With cuts the value is what these say of the schedule. Without `prove`,
    a good selection is enough."""
    lowered = lower(tables, terms, aim, cuts)
    outcome = solve_medium(lowered.problem, limits, cutoff, prove)
    if outcome.selection is None:
        return Choice(None, math.inf, outcome.bound)
    return Choice(lowered.selection(outcome.selection), outcome.value, outcome.bound)
