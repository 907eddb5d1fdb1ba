"""The objective's value, its bound and gap, and the words of the outcome (sections 8 and 9)."""

from __future__ import annotations

from collections.abc import Iterator

from solver.verify.claims import Claims, ObjectiveClaim
from solver.verify.figures import Figures
from solver.verify.report import Violation, at_most, differs

STOPPED = ("proved", "limit", "interrupted", "failed")
PLANS = ("optimal", "feasible")
OPTIMAL_GAP = 1e-4
"""The grain of the solver's clock: a smaller gap cannot be told from none."""

GAP_ROUNDING = 1e-6
"""How far a gap may be from the recomputed one."""

UNITS = {"step_time": "s", "memory": "B"}


def objective_violations(
    claim: ObjectiveClaim, figures: Figures, wanted: str
) -> Iterator[Violation]:
    """The spec's first objective, in its unit, with the recomputed value and penalty."""
    if claim.name != wanted or claim.unit != UNITS[wanted]:
        message = f"the objective is {wanted} in {UNITS[wanted]}"
        yield Violation("objective", message, "objective.name")
    yield from differs("objective", "objective.value", claim.value, figures.objective)
    yield from differs("objective", "objective.penalty", claim.penalty, figures.penalty)


def bound_violations(claim: ObjectiveClaim) -> Iterator[Violation]:
    """The bound is not above the value, and the gap is the distance between them."""
    if claim.bound is None:
        if claim.gap is not None:
            yield Violation("gap", "without a bound there is no gap", "objective.gap")
        return
    if not at_most(claim.bound, claim.value):
        message = f"the bound {claim.bound!r} is above the value {claim.value!r}"
        yield Violation("bound", message, "objective.bound")
        return
    if claim.gap is None:
        yield Violation("gap", "a bound needs a gap", "objective.gap")
        return
    gap = 0.0 if claim.value == 0 else (claim.value - claim.bound) / claim.value
    if abs(claim.gap - gap) > GAP_ROUNDING:
        message = f"the document says {claim.gap!r}, recomputed {gap!r}"
        yield Violation("gap", message, "objective.gap")


def outcome_violations(claims: Claims) -> Iterator[Violation]:
    """The outcome's words are known, and `optimal` is only said of what is proved."""
    if claims.stopped not in STOPPED:
        message = f"it is one of {', '.join(STOPPED)}"
        yield Violation("outcome", message, "outcome.stopped")
    if claims.plan not in PLANS:
        yield Violation("outcome", "it is optimal or feasible", "outcome.plan")
    gap = claims.objective.gap
    is_proved = claims.stopped == "proved" and gap is not None and gap <= OPTIMAL_GAP
    if claims.plan == "optimal" and not is_proved:
        message = f"optimal means proved, with a gap of at most {OPTIMAL_GAP}"
        yield Violation("outcome", message, "outcome.plan")
