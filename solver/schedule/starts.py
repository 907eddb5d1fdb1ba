"""Constructive schedules: families and list schedules, the best that fits into memory."""

from __future__ import annotations

import itertools
import math
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from solver.schedule import families
from solver.schedule.bounds import round_trips
from solver.schedule.families import v_any_memory, zero_bubble
from solver.schedule.feasibility import one_by_one
from solver.schedule.fill import fill
from solver.schedule.greedy import Priority, list_schedule
from solver.schedule.memory import fits
from solver.schedule.operators import Kind, Operators, Order, Wish, lower
from solver.schedule.problem import ScheduleProblem
from solver.schedule.retime import broken, makespan, retime
from solver.schedule.span import span, started_late

ALL_SETS = 4
"""Most soft pins of which every set is tried."""


@dataclass(frozen=True, slots=True)
class Timed:
    """An order with its start times, makespan, objective (with what broken soft pins cost), and the
    numbers of these pins."""

    order: Order
    starts: list[float]
    makespan: float
    value: float
    broken: tuple[int, ...]


def timed(operators: Operators, order: Order) -> Timed | None:
    """`order` with the best times, or None when it deadlocks or exceeds a capacity.

    An order leaves open which soft pins are worth waiting for: of up to `ALL_SETS` every set is
    tried, of more each one in turn, the dearest first.
    """
    best = _timed(operators, order) if fits(operators, order) else None
    if best is None or not best.broken:
        return best
    if len(operators.wishes) <= ALL_SETS:
        sets = itertools.product((False, True), repeat=len(operators.wishes))
        for kept in sets:
            best = _better(
                best, _timed(operators, order, itertools.compress(operators.wishes, kept))
            )
        return best
    waited: list[Wish] = []
    for wish in sorted(operators.wishes, key=lambda one: -one.weight):
        found = _timed(operators, order, [*waited, wish])
        if found is not None and found.value < best.value:
            best = found
            waited.append(wish)
    return best


def _better(one: Timed, other: Timed | None) -> Timed:
    return one if other is None or one.value <= other.value else other


def _timed(operators: Operators, order: Order, kept: Iterable[Wish] = ()) -> Timed | None:
    """`order` with earliest times that keep these pins; of spans, with late first starts."""
    musts = (*operators.musts, *((wish.before, wish.after) for wish in kept))
    bound = replace(operators, musts=musts)
    starts = retime(bound, order)
    if starts is None:
        return None
    if operators.span:
        starts = started_late(bound, order, starts)
    wishes = broken(operators, starts)
    end = makespan(operators, order, starts)
    value = span(operators, order, starts) if operators.span else end
    paid = sum(wish.weight for wish in wishes)
    return Timed(order, starts, end, value + paid, tuple(wish.pin for wish in wishes))


def backward_first(kind: Kind, after: float) -> tuple[float, ...]:
    """Backward, then forward, then weight gradient; the chunk nearest to the end first."""
    return ("BFW".index(kind.phase), after)


def release_first(kind: Kind, after: float) -> tuple[float, ...]:
    """Backward, then weight gradient, then forward: memory is freed early."""
    return ("BWF".index(kind.phase), after)


def forward_first(kind: Kind, after: float) -> tuple[float, ...]:
    """Forward before backward: fills memory at once, best with deep pipelines and throttled."""
    return ("FBW".index(kind.phase), after)


def source_first(kind: Kind, after: float) -> tuple[float, ...]:
    """Forward before backward, the chunk farthest from the end first."""
    return ("FBW".index(kind.phase), -after)


PRIORITIES: tuple[Priority, ...] = (backward_first, forward_first, release_first, source_first)
SPLIT = ("zb_h2", "zb_h1", "zb_v", "v_half", "v_min", "dualpipe", "dualpipe_v")
FUSED = ("one_f_one_b", "interleaved")
PATIENCE = (0.0, 0.5, 1.0)
"""How long a weight gradient waits for what is about to arrive, in its own durations."""
THROTTLES = tuple(share / 20 for share in range(12, 37, 2))
"""Tried multiples of the memory share that a chunk's round trip asks for."""


def best_start(
    problem: ScheduleProblem, operators: Operators, seconds: float = math.inf
) -> Timed | None:
    """The best of all constructive schedules, or of as many as fit in some seconds; None when none
    was found: without pins the problem is then infeasible."""
    best: Timed | None = None
    end = time.monotonic() + seconds
    for order in _orders(problem, operators, quick=False):
        found = timed(operators, order)
        if found is not None and (best is None or found.value < best.value):
            best = found
        if best is not None and time.monotonic() > end:
            break
    if best is not None:
        return best
    sequential = one_by_one(operators)
    return None if sequential is None else timed(operators, sequential)


def estimate(problem: ScheduleProblem) -> float:
    """The objective, seconds, of a quick constructive schedule; infinite when none was found.

    A feasible schedule always stands behind it, so it never lies below the optimum. With a family
    it is exact for its order. Raises ValueError when the family refuses the problem.
    """
    if problem.family is not None:
        found = family_schedule(problem)[1]
        return float("inf") if found is None else found.value
    operators = lower(problem, fused=not problem.split_backward)
    values: list[float] = []
    for order in _orders(problem, operators, quick=True):
        found = timed(operators, order)
        if found is not None:
            values.append(found.value)
    if not values:
        sequential = one_by_one(operators)
        found = None if sequential is None else timed(operators, sequential)
        return float("inf") if found is None else found.value
    return min(values)


def family_schedule(problem: ScheduleProblem) -> tuple[Operators, Timed | None]:
    """The operators and the timed order of the problem's family; None when it exceeds memory.

    Raises ValueError when the family is unknown or does not apply.
    """
    family = problem.family
    if family is None:
        raise ValueError("the problem names no schedule family")
    reason = families.refusal(problem, family)
    if reason is not None:
        raise ValueError(reason)
    operators = lower(problem, families.is_fused(family))
    return operators, timed(operators, fill(operators, families.family_order(operators, family)))


def _orders(problem: ScheduleProblem, operators: Operators, quick: bool) -> Iterator[Order]:
    """Orders of the families that apply to the same operators, then list schedules.

    With several chunks on a device also throttled ones: each chunk may have as many micro-batches
    in flight as its share of the memory, in proportion to its round trip (Little's law).
    """
    names = SPLIT if problem.split_backward else FUSED
    for name in names:
        if families.refusal(problem, name) is None:
            yield fill(operators, families.family_order(operators, name))
    if problem.split_backward and families.refusal(problem, "zb_h1") is None:
        made = itertools.islice(zero_bubble.orders(operators), 1 if quick else None)
        yield from (fill(operators, order) for order in made)
    if problem.split_backward and families.refusal(problem, "v_half") is None:
        yield fill(operators, v_any_memory.order(operators))
    if not operators.fused and not quick:
        yield from _paced(operators)
    throttles: list[Mapping[int, int]] = [{}]
    if len(problem.chunks) > problem.devices:
        throttles += [_in_flight(operators, x) for x in ((1.0,) if quick else THROTTLES)]
    for in_flight in throttles:
        for priority in PRIORITIES[:1] if quick else PRIORITIES:
            for patience in PATIENCE[:1] if quick or operators.fused else PATIENCE:
                order = list_schedule(operators, priority, in_flight, patience)
                if order is not None:
                    yield order


def _paced(operators: Operators) -> Iterator[Order]:
    """List schedules in which no device runs further ahead than until its first gradient arrives,
    and weight gradients fill what is idle. At the times of Qi et al. 2023 they match or beat its
    automatic schedules for room 2P."""
    counts = zero_bubble.forwards_before_gradient(operators)
    for rounded in (math.floor, math.ceil):
        ahead = {k: max(1, rounded(count)) for k, count in enumerate(counts)}
        for priority in PRIORITIES[:2]:
            for patience in PATIENCE:
                order = list_schedule(operators, priority, patience=patience, ahead=ahead)
                if order is not None:
                    yield order


def _in_flight(operators: Operators, share: float) -> dict[int, int]:
    """Micro-batches in flight per forward kind when memory is shared in proportion to round
    trips."""
    trips = round_trips(operators)
    caps: dict[int, int] = {}
    for device, here in enumerate(operators.on_machine):
        forward = [k for k in here if operators.kinds[k].allocates > 0]
        demand = sum(operators.kinds[k].allocates * trips[k] for k in forward)
        for k in forward:
            if demand > 0.0:
                room = min(operators.capacity[device], demand * operators.microbatches)
                caps[k] = max(1, round(share * room * trips[k] / demand))
    return caps
