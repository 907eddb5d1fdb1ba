"""Pins on the order of operators: as the scheduler takes them, and whether a schedule keeps them.

A pin that names a stage, chunk or micro-batch that a candidate lacks does not hold there: a hard
one rules the candidate out, a soft one is paid for. Where a chunk runs its weight gradient with its
input gradient, both names mean that one operator.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence

from dsl.spec import Pin, PipelineOperator, RunsBefore, Spec
from solver.schedule import Action, OrderPin
from solver.schedule.problem import Place
from solver.stages.figures import StageFigures
from solver.stages.pattern import Pattern

ROUNDING = 1e-9
"""The share of the step by which an operator may be early from rounding alone."""

Pair = tuple[Place, Place]


def order_wishes(pins: Iterable[Pin]) -> Iterator[tuple[Pin, RunsBefore]]:
    """The pins on orders, each with what it asks."""
    for pin in pins:
        for wish in pin.requirements:
            if isinstance(wish, RunsBefore):
                yield pin, wish


def hard_orders(pins: Iterable[Pin]) -> list[Pin]:
    """The pins on orders that must hold."""
    return [pin for pin, _ in order_wishes(pins) if pin.weight is None]


def soft_orders(pins: Iterable[Pin]) -> list[Pin]:
    """The pins on orders that may be broken at a price."""
    return [pin for pin, _ in order_wishes(pins) if pin.weight is not None]


def scheduler_pins(
    pins: Iterable[Pin],
    placement: Sequence[int],
    microbatches: int,
    fused: Sequence[bool],
    scale: float = 1.0,
) -> tuple[OrderPin, ...]:
    """The pins whose operators exist; `fused` is per chunk, `scale` makes weights seconds."""
    found = []
    for pin, wish in order_wishes(pins):
        places = places_of(wish, placement, microbatches, fused)
        if places is not None and places[0] != places[1]:
            weight = None if pin.weight is None else pin.weight * scale
            found.append(OrderPin(*places, weight))
    return tuple(found)


def pins_of(spec: Spec, f: StageFigures, microbatches: int) -> tuple[OrderPin, ...]:
    """The pins of a spec for the chunks of these figures. Where memory is minimised they weigh
    bytes: then the scheduler breaks none of them for any time."""
    scale = 1.0
    if spec.objective[0] == "memory":
        weights = [pin.weight for pin, _ in order_wishes(spec.pins) if pin.weight]
        longest = microbatches * float(f.work.sum()) + float(f.tail.sum())
        longest += 2 * microbatches * math.fsum(f.delays.values())
        scale = longest / min(weights, default=1.0)
    return scheduler_pins(spec.pins, f.pattern.placement, microbatches, f.fused, scale)


def missing_weight(pins: Iterable[Pin], placement: Sequence[int], microbatches: int) -> float:
    """What soft pins cost whose operators do not exist."""
    fused = (False,) * len(placement)
    return math.fsum(
        pin.weight or 0.0
        for pin, wish in order_wishes(pins)
        if places_of(wish, placement, microbatches, fused) is None
    )


def broken_orders(
    spec: Spec,
    actions: Sequence[Action],
    pattern: Pattern,
    microbatches: int,
    fused: Sequence[bool],
) -> frozenset[int]:
    """The numbers of the pins of a spec that a timed schedule breaks."""
    return frozenset(
        number
        for number, pin in enumerate(spec.pins)
        for _, wish in order_wishes([pin])
        if not _is_kept(wish, actions, pattern.placement, microbatches, fused)
    )


def _is_kept(
    wish: RunsBefore,
    actions: Sequence[Action],
    placement: Sequence[int],
    microbatches: int,
    fused: Sequence[bool],
) -> bool:
    places = places_of(wish, placement, microbatches, fused)
    if places is None:
        return False
    before, after = places
    times = {(a.chunk, a.phase, a.microbatch): (a.start, a.end) for a in actions}
    slack = ROUNDING * max(a.end for a in actions)
    return before == after or times[after][0] >= times[before][1] - slack


def places_of(
    wish: RunsBefore, placement: Sequence[int], microbatches: int, fused: Sequence[bool]
) -> Pair | None:
    """Both operators as the scheduler names them, None when one does not exist."""
    before = _place(wish.before, placement, microbatches, fused)
    after = _place(wish.after, placement, microbatches, fused)
    return None if before is None or after is None else (before, after)


def _place(
    operator: PipelineOperator, placement: Sequence[int], microbatches: int, fused: Sequence[bool]
) -> Place | None:
    chunks = [c for c, stage in enumerate(placement) if stage == operator.stage]
    if operator.chunk >= len(chunks) or operator.microbatch >= microbatches:
        return None
    chunk = chunks[operator.chunk]
    is_joined = operator.phase == "W" and fused[chunk]
    return chunk, "B" if is_joined else operator.phase, operator.microbatch
