"""A lower bound on makespan or span in milliseconds, without a solver.

The largest of, over the devices,
- the preemptive one-machine bound (Jackson's schedule): operators released at their heads, the
  one with the largest tail first, interruption allowed; its value bounds every real schedule of
  the device;
- the ramp: before the first backward of the device can start at T, only forwards that fit into
  its memory can have run, at most as much work as a fractional knapsack of the capacity: T + rest
  of the work + tail;
- the round trip: every micro-batch holds its bytes at least from its forward through all later
  chunks back to its input gradient; bytes times seconds held, divided by the capacity, plus head
  and tail. For k equal micro-batches in flight this is M round trips / k (the heads carry its
  sharper form for single chunks).
A span is bounded by the first of these, with times counted from the device's own first start and to
its own last end.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Sequence
from dataclasses import replace

from solver.schedule.heads import Margins, margins
from solver.schedule.memory import room
from solver.schedule.operators import Operators, lower
from solver.schedule.problem import ScheduleProblem


def lower_bound(problem: ScheduleProblem) -> float:
    """A valid lower bound, seconds, on the objective of every schedule of `problem` with free
    order, without what soft pins cost."""
    return bound_operators(lower(problem, fused=not problem.split_backward))


def bound_operators(operators: Operators) -> float:
    """`lower_bound` of operators, in their own time unit."""
    if operators.span:
        return max(_span(operators, device) for device in range(len(operators.capacity)))
    bound = max(operators.tails)
    around = margins(operators)
    shared = any(len(_forwards(operators, d)) > 1 for d in range(len(operators.tails)))
    trips = round_trips(operators) if shared else []
    for device, kinds in enumerate(operators.on_machine):
        if not kinds:
            continue
        bound = max(bound, _one_machine(operators, kinds, around))
        if device < len(operators.capacity) and len(_forwards(operators, device)) > 1:
            bound = max(bound, _ramp(operators, device, around))
            bound = max(bound, _residence(operators, device, around, trips))
    return bound


def _span(operators: Operators, device: int) -> float:
    """The one-machine bound of a device, in time since its first start and before its last end."""
    here = [m for m, other in enumerate(operators.device_of) if other == device]
    nowhere = -math.inf
    alone = replace(
        operators,
        ready=tuple(0.0 if m in here else nowhere for m in range(len(operators.ready))),
        tails=tuple(t if m in here else nowhere for m, t in enumerate(operators.tails)),
    )
    around = margins(alone)
    bounds = [_one_machine(alone, alone.on_machine[m], around) for m in here]
    return max(operators.tails[device], *bounds)


def _one_machine(operators: Operators, kinds: Sequence[int], around: Margins) -> float:
    """Jackson's preemptive schedule of one device."""
    jobs = [
        (head, tail, operators.kinds[k].duration)
        for k in kinds
        for head, tail in zip(around.heads[k], around.tails[k], strict=True)
    ]
    jobs.sort()
    pending: list[tuple[float, float]] = []  # (-tail, time left)
    time = bound = 0.0
    for head, tail, duration in jobs:
        while pending and time < head:
            urgent, left = heapq.heappop(pending)
            if time + left > head:
                heapq.heappush(pending, (urgent, time + left - head))
                time = head
                break
            time += left
            bound = max(bound, time - urgent)
        time = max(time, head)
        heapq.heappush(pending, (-tail, duration))
    while pending:
        urgent, left = heapq.heappop(pending)
        time += left
        bound = max(bound, time - urgent)
    return bound


def _ramp(operators: Operators, device: int, around: Margins) -> float:
    """All work but the forwards that fit into memory comes after the first backward can start."""
    here = operators.on_machine[device]
    forward = [operators.kinds[k] for k in _forwards(operators, device)]
    first = min(around.heads[k][0] for k in here if operators.kinds[k].phase == "B")
    early, free = 0.0, max(0.0, room(operators, device))
    for kind in sorted(forward, key=lambda one: -_density(one.duration, one.allocates)):
        share = 1.0
        whole = kind.allocates * operators.microbatches
        if whole > free:
            share = free / whole
        early += share * kind.duration * operators.microbatches
        free -= share * whole
    return first + operators.work(device) - early + _least_tail(operators, device, around)


def _residence(operators: Operators, device: int, around: Margins, trips: Sequence[float]) -> float:
    """Bytes times seconds over the capacity, between the first start and the last end."""
    area = 0.0
    for k in operators.on_machine[device]:
        kind = operators.kinds[k]
        area += kind.workspace * kind.duration
        if kind.phase == "F":
            area += kind.allocates * trips[kind.chunk]
        elif kind.phase == "W":
            area += kind.releases * kind.duration
    free = room(operators, device)
    if area > 0.0 and free <= 0.0:
        return math.inf  # nothing fits, no schedule exists
    if area == 0.0:
        return 0.0
    head = min(around.heads[k][0] for k in operators.on_machine[device])
    seconds = operators.microbatches * area / free
    return head + seconds + _least_tail(operators, device, around)


def _forwards(operators: Operators, device: int) -> list[int]:
    return [k for k in operators.on_machine[device] if operators.kinds[k].phase == "F"]


def _least_tail(operators: Operators, device: int, around: Margins) -> float:
    return min(around.tails[k][-1] for k in operators.on_machine[device])


def _density(work: float, held: float) -> float:
    return work / held if held > 0 else float("inf")


def round_trips(operators: Operators) -> list[float]:
    """For every chunk the least time from the start of F to the end of B of one micro-batch."""
    chunks = operators.chunks
    trips: list[float] = []
    for c in range(chunks):
        reach = _longest_from(operators, c)
        trips.append(reach[chunks + c] + operators.kinds[chunks + c].duration)
    return trips


def _longest_from(operators: Operators, source: int) -> list[float]:
    """Longest path from the start of `source` to the start of every kind (-inf: not reached)."""
    starts = [float("-inf")] * len(operators.kinds)
    starts[source] = 0.0
    for k in operators.topological:
        for one, delay in operators.kinds[k].inputs:
            starts[k] = max(starts[k], starts[one] + operators.kinds[one].duration + delay)
    return starts
