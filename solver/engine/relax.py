"""The cheapest ways out of an infeasible problem: pins to drop, or capacity to add.

Both are problems of the same form without the costs: with the hard pins made soft the least value
is the least weight of pins that must be broken; with one hard resource made soft at the price 1 it
is the least capacity that must be added to each of its points. Every way out comes with a selection
that proves it.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

from solver.cpsat import Limits
from solver.engine.conflict import Conflict, only_feasibility
from solver.engine.evaluate import broken, overflows
from solver.engine.exact import solve_reduced
from solver.engine.problem import Pin, Problem, Selection

ROUNDING = 1e-9
"""Relative gap below which a value counts as proved least (costs that are no integers round)."""

EQUAL_WEIGHTS: Mapping[int, float] = MappingProxyType({})


@dataclass(frozen=True, slots=True, eq=False)
class DroppedPins:
    """Without these hard pins, `selection` is feasible; `is_least`: no other set weighs less."""

    pins: tuple[int, ...]
    selection: Selection
    is_least: bool


@dataclass(frozen=True, slots=True, eq=False)
class AddedCapacity:
    """With `amount` more of a resource at every point, `selection` is feasible.

    `is_least`: no smaller amount is enough.
    """

    resource: int
    amount: float
    selection: Selection
    is_least: bool


@dataclass(frozen=True, slots=True, eq=False)
class Relaxations:
    """The ways out that were found; `complete` when there are no others of these two kinds."""

    pins: DroppedPins | None
    capacities: tuple[AddedCapacity, ...]
    complete: bool


def relaxations(
    problem: Problem,
    conflict: Conflict | None,
    limits: Limits,
    weights: Mapping[int, float] = EQUAL_WEIGHTS,
) -> Relaxations:
    """The hard pins of least total weight to drop (a pin without a weight weighs 1), and for every
    hard resource the least capacity to add with all pins kept.

    A conflict says where to look: something in it must give way, so no other resource is tried, and
    no pins where it names none. Time is shared equally among the questions that are left.
    """
    bare = only_feasibility(problem)
    resources = [k for k, resource in enumerate(problem.resources) if resource.is_hard]
    try_pins = any(pin.is_hard for pin in problem.pins)
    if conflict is not None and (conflict.pins or conflict.resources or conflict.complete):
        resources, try_pins = list(conflict.resources), bool(conflict.pins)
    end, left = time.monotonic() + limits.seconds, len(resources) + try_pins
    complete, dropped, added = True, None, []
    if try_pins:
        dropped, known = _dropped_pins(bare, _share(limits, end, left), weights)
        complete, left = known, left - 1
    for resource in resources:
        more, known = _added_capacity(bare, resource, _share(limits, end, left))
        complete, left = complete and known, left - 1
        added += [] if more is None else [more]
    return Relaxations(dropped, tuple(added), complete)


def _share(limits: Limits, end: float, left: int) -> Limits:
    return replace(limits, seconds=max(0.0, end - time.monotonic()) / left)


def _dropped_pins(
    bare: Problem, limits: Limits, weights: Mapping[int, float]
) -> tuple[DroppedPins | None, bool]:
    """The pins to drop (None: that does not help, or is not known to), and whether that is sure."""
    hard = [pin.is_hard for pin in bare.pins]
    soft = tuple(_weighed(pin, weights.get(k, 1.0)) for k, pin in enumerate(bare.pins))
    outcome = solve_reduced(replace(bare, pins=soft), limits)
    if outcome.selection is None:
        return None, outcome.is_infeasible
    pins = [k for k, gone in enumerate(broken(bare, outcome.selection)) if gone and hard[k]]
    least = outcome.gap <= ROUNDING
    return DroppedPins(tuple(pins), outcome.selection, least), True


def _weighed(pin: Pin, weight: float) -> Pin:
    return replace(pin, weight=weight) if pin.is_hard else pin


def _added_capacity(
    bare: Problem, resource: int, limits: Limits
) -> tuple[AddedCapacity | None, bool]:
    """The capacity to add (None: no amount helps, or none is known to), and whether it is sure."""
    resources = list(bare.resources)
    resources[resource] = replace(resources[resource], price=1.0)
    outcome = solve_reduced(replace(bare, resources=tuple(resources)), limits)
    if outcome.selection is None:
        return None, outcome.is_infeasible
    amount = overflows(bare, outcome.selection)[resource]
    return AddedCapacity(resource, amount, outcome.selection, outcome.gap <= ROUNDING), True
