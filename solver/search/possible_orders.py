"""Which orders of operators hard pins leave possible, whatever times and bytes are."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from graphlib import CycleError, TopologicalSorter

from dsl.spec import Pin, Recomputed, Spec
from solver.schedule import Chunk, Edge, ScheduleProblem
from solver.schedule.families import family_order, is_fused, refusal
from solver.schedule.operators import Operators, lower
from solver.schedule.retime import retime
from solver.search.order import APART, JOINED
from solver.search.order_pins import hard_orders, order_wishes, places_of, scheduler_pins


def are_possible(
    spec: Spec,
    placement: Sequence[int],
    edges: Sequence[Edge],
    microbatches: int,
    family: str | None,
) -> bool:
    """Whether some order keeps the hard pins, with all the memory in the world; with a family, its
    order. Depends on neither times nor bytes, so what is impossible here is so for every
    selection."""
    hard = hard_orders(spec.pins)
    if not hard:
        return True
    apart = (False,) * len(placement)
    if any(
        places_of(wish, placement, microbatches, apart) is None for _, wish in order_wishes(hard)
    ):
        return False
    return any(
        _has_order(_bare(hard, placement, edges, microbatches, order, joined))
        for order, joined in _variants(spec, family)
    )


def least_flight_of_orders(
    pins: Iterable[Pin], placement: Sequence[int], edges: Sequence[Edge], microbatches: int
) -> list[int]:
    """Micro-batches that every chunk holds at some time where the order is free but for these
    pins: all up to one whose forward must precede the input gradient of the first of them."""
    operators = lower(_bare(pins, placement, edges, microbatches, None, False), fused=False)
    follow = _followers(operators)
    sequence = tuple(TopologicalSorter(follow).static_order())  # followers first
    held = []
    for chunk in range(len(placement)):
        first = _first_backwards(operators, chunk, follow, sequence)
        forwards = range(chunk * operators.microbatches, (chunk + 1) * operators.microbatches)
        held.append(max(m + 1 - first[op] for m, op in enumerate(forwards)))
    return held


def _first_backwards(
    operators: Operators, chunk: int, follow: dict[int, list[int]], sequence: Sequence[int]
) -> dict[int, int]:
    """For every operator the first micro-batch of which the chunk's input gradient must come after
    it."""
    count = operators.microbatches
    own = {(operators.chunks + chunk) * count + m: m for m in range(count)}
    first: dict[int, int] = {}
    for op in sequence:
        first[op] = min([own.get(op, count), *(first[later] for later in follow[op])])
    return first


def _followers(operators: Operators) -> dict[int, list[int]]:
    """For every operator those that must come after it: by dependencies, micro-batches taken in
    turn, and pins."""
    count = operators.microbatches
    follow: dict[int, list[int]] = {op: [] for op in range(operators.count)}
    for k, kind in enumerate(operators.kinds):
        for m in range(count):
            op = k * count + m
            follow[op] += [target * count + m for target, _ in kind.outputs]
            if m + 1 < count:
                follow[op].append(op + 1)
    for before, after in operators.musts:
        follow[before].append(after)
    return follow


def _bare(
    pins: Iterable[Pin],
    placement: Sequence[int],
    edges: Sequence[Edge],
    microbatches: int,
    family: str | None,
    joined: bool,
) -> ScheduleProblem:
    """A problem without times and bytes, in which all pins must hold.

    Where the order is free, micro-batches after the last that a pin names are left out: nothing
    leads from one micro-batch to an earlier one but pins.
    """
    pins = list(pins)
    if family is None:
        named = (x.microbatch for _, w in order_wishes(pins) for x in (w.before, w.after))
        microbatches = min(microbatches, 1 + max(named, default=0))
    hard = scheduler_pins(pins, placement, microbatches, (joined,) * len(placement))
    chunks = tuple(Chunk("", stage, 0.0, 0.0, 0.0, 0.0, 0.0) for stage in placement)
    stages = max(placement) + 1
    none = (0.0,) * stages
    return ScheduleProblem(
        stages,
        chunks,
        tuple(edges),
        microbatches,
        none,
        none,
        split_backward=not joined,
        family=family,
        pins=tuple(replace(pin, weight=None) for pin in hard),
    )


def _variants(spec: Spec, family: str | None) -> Iterator[tuple[str | None, bool]]:
    """The orders that stand behind a family: by name, and whether gradients are joined in all
    chunks. Where some chunks join them and others not, less is possible than where none does."""
    if family is not None and is_fused(family):
        yield family, True
        return
    yield family, False
    if family is not None and family not in APART and _may_join(spec):
        yield JOINED.get(family, family), True


def _may_join(spec: Spec) -> bool:
    """Whether all chunks may run their weight gradients with their input gradients."""
    wishes = (wish for pin in spec.pins for wish in pin.requirements)
    variants = (variant for op in spec.graph.operators for variant in op.variants)
    return (
        spec.train.recompute != "none"
        or any(isinstance(wish, Recomputed) for wish in wishes)
        or any(not variant.split_backward for variant in variants)
    )


def _has_order(problem: ScheduleProblem) -> bool:
    operators = lower(problem, fused=not problem.split_backward)
    if problem.family is not None:
        if refusal(problem, problem.family) is not None:
            return False
        return retime(operators, family_order(operators, problem.family)) is not None
    try:
        TopologicalSorter(_followers(operators)).prepare()
    except CycleError:
        return False
    return True
