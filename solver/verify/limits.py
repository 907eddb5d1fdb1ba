"""Limits: does each hold, by how much is a soft one exceeded, and what that costs (section 8)."""

from __future__ import annotations

from collections.abc import Sequence

from dsl.spec import Limit
from solver.verify.figures import Bill, StageMemory
from solver.verify.plan import Plan
from solver.verify.report import at_most

ROUNDING = 1e-9
"""The share of a soft limit by which sums may be over it from rounding alone."""


def limit_bills(plan: Plan, memory: Sequence[StageMemory], step_time: float) -> tuple[Bill, ...]:
    """A bill for every limit, in the order of the spec; only soft ones are paid for."""
    return tuple(_bill(limit, _needed(limit, memory, step_time)) for limit in plan.spec.limits)


def _needed(limit: Limit, memory: Sequence[StageMemory], step_time: float) -> float:
    """What the plan takes of the limited quantity: on the fullest device, with this reserve."""
    if limit.quantity == "step_time":
        return step_time
    return max(stage.peak - stage.reserve + limit.reserve for stage in memory)


def _bill(limit: Limit, needed: float) -> Bill:
    over = _over(needed, limit.value)
    is_soft = limit.weight is not None
    return Bill(
        text=limit.text,
        kind="limit",
        file=limit.span.file,
        line=limit.span.line,
        satisfied=over == 0 if is_soft else at_most(needed, limit.value),
        weight=limit.weight,
        paid=(limit.weight or 0.0) * over,
        over_bytes=over if is_soft and limit.quantity == "memory" else None,
        over_seconds=over if is_soft and limit.quantity == "step_time" else None,
    )


def _over(needed: float, limit: float) -> float:
    excess = needed - limit
    return excess if excess > ROUNDING * limit else 0.0
