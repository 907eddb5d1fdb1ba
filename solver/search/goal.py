"""What plans of a spec must keep, what they pay for the rest, and what a plan is worth."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from dsl.spec import Limit, Spec
from solver.plan.document import Plan, capacities, worth
from solver.sharding.terms import SoftLimit


@dataclass(frozen=True, slots=True)
class Found:
    """A plan and its objective value: with the weights of broken pins and exceeded limits."""

    plan: Plan
    value: float


def found(plan: Plan) -> Found:
    """A plan with its value."""
    return Found(plan, worth(plan))


@dataclass(frozen=True, slots=True)
class Goal:
    """What a plan must keep: bytes per device beside the reserve (where kinds of devices differ, on
    those with most), and seconds of a step; and soft limits of both."""

    capacity: float
    step_limit: float
    soft_bytes: tuple[SoftLimit, ...] = ()
    soft_seconds: tuple[SoftLimit, ...] = ()

    def charge(self, bytes_: float, seconds: float) -> float:
        """What is paid for so many bytes beside the reserve and seconds."""
        return paid(self.soft_bytes, bytes_) + paid(self.soft_seconds, seconds)

    def ceilings(self, least: float) -> list[float]:
        """Bytes to stay within: the capacity, and soft limits below it, or the least bytes needed
        where these are more."""
        lifted = (max(x.value, least) for x in self.soft_bytes)
        return [self.capacity, *sorted({x for x in lifted if x < self.capacity}, reverse=True)]


def paid(limits: Sequence[SoftLimit], amount: float) -> float:
    """What an amount costs under soft limits."""
    return math.fsum(x.price * max(0.0, amount - x.value) for x in limits)


def goal_of(spec: Spec) -> Goal:
    """The limits of a spec."""
    steps = [x.value for x in spec.limits if x.quantity == "step_time" and x.weight is None]
    return Goal(
        max(capacities(spec)),
        min(steps, default=math.inf),
        tuple(_soft(x) for x in spec.limits if x.quantity == "memory" and x.weight is not None),
        tuple(_soft(x) for x in spec.limits if x.quantity == "step_time" and x.weight is not None),
    )


def _soft(limit: Limit) -> SoftLimit:
    assert limit.weight is not None
    return SoftLimit(limit.value - limit.reserve, limit.weight)
