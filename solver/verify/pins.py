"""Pins: does each hold, and what is paid for those that do not (section 8)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from dsl.spec import (
    CutOver,
    OnStage,
    Pin,
    Recomputed,
    Requirement,
    RunsBefore,
    SplitBy,
    StoredOver,
    WholeIndex,
)
from solver.verify.figures import Action, Bill
from solver.verify.layouts import product
from solver.verify.orders import runs_before
from solver.verify.plan import Plan
from solver.verify.storage import Holding


def pin_bills(
    plan: Plan, holdings: Sequence[Holding], schedule: Sequence[Action]
) -> tuple[Bill, ...]:
    """A bill for every pin, in the order of the spec."""
    by_name = {held.name: held for held in holdings}
    return tuple(_bill(plan, by_name, schedule, pin) for pin in plan.spec.pins)


def _bill(
    plan: Plan, holdings: Mapping[str, Holding], schedule: Sequence[Action], pin: Pin
) -> Bill:
    test = _is_avoided if pin.kind == "forbid" else _is_met
    satisfied = all(test(plan, holdings, schedule, wish) for wish in pin.requirements)
    return Bill(
        text=pin.text,
        kind=pin.kind,
        file=pin.span.file,
        line=pin.span.line,
        satisfied=satisfied,
        weight=pin.weight,
        paid=0.0 if satisfied or pin.weight is None else pin.weight,
    )


def _is_met(
    plan: Plan, holdings: Mapping[str, Holding], schedule: Sequence[Action], wish: Requirement
) -> bool:
    """Does the plan do what the requirement says?"""
    match wish:
        case CutOver():
            return all(part in _cutting(plan, wish.operator, wish.index) for part in wish.parts)
        case SplitBy():
            return all(
                _degree(plan, wish.operator, index) == degree for index, degree in wish.degrees
            )
        case WholeIndex():
            return not _cutting(plan, wish.operator, wish.index)
        case OnStage():
            low, high = (at if at >= 0 else plan.stages + at for at in (wish.low, wish.high))
            return low <= plan.stage_of[wish.unit] <= high
        case StoredOver():
            return all(part in _storing(plan, holdings, wish) for part in wish.parts)
        case Recomputed():
            return plan.recomputed[wish.unit] == wish.wanted
        case RunsBefore():
            return runs_before(wish, schedule)


def _is_avoided(
    plan: Plan, holdings: Mapping[str, Holding], schedule: Sequence[Action], wish: Requirement
) -> bool:
    """Does the plan keep clear of what the requirement says?"""
    match wish:
        case CutOver():
            return not any(part in _cutting(plan, wish.operator, wish.index) for part in wish.parts)
        case StoredOver():
            return not any(part in _storing(plan, holdings, wish) for part in wish.parts)
        case _:
            return not _is_met(plan, holdings, schedule, wish)


def _cutting(plan: Plan, operator: str, index: str) -> tuple[str, ...]:
    """The sub-axes that cut an index of an operator."""
    return tuple(p.name for p in plan.shardings[operator].parts_of(index, plan.frame))


def _degree(plan: Plan, operator: str, index: str) -> int:
    return product(plan.shardings[operator].parts_of(index, plan.frame))


def _storing(plan: Plan, holdings: Mapping[str, Holding], wish: StoredOver) -> tuple[str, ...]:
    """The sub-axes over which a parameter, its gradient or its optimizer state is stored cut."""
    held = holdings.get(wish.parameter)
    if held is None:
        return ()  # nothing reads it, so nothing stores it
    parts = {
        "parameters": held.weights,
        "gradients": held.gradients,
        "optimizer": held.optimizer,
    }[wish.what]
    used = (p for p, at in zip(plan.frame.parts, held.used, strict=True) if at >= 0)
    return (*(p.name for p in used), *(p.name for p in parts))
