"""Activation memory: it follows from the order on a device alone, whatever the times.

Allocation happens at the start of an operator of the device, release at the end of one, so what is
held while an operator runs is a sum over the operators before it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from solver.schedule.operators import Operators, Order

SLACK = 1e-9
"""Relative slack of a capacity, so that `3 x 0.1` fits into `0.3`."""


def limit(capacity: float) -> float:
    """The bytes that count as fitting into `capacity`."""
    return capacity + abs(capacity) * SLACK


def room(operators: Operators, machine: int) -> float:
    """The bytes that count as fitting on the device of a machine; only compute streams, which come
    first, hold any."""
    if machine < len(operators.capacity):
        return limit(operators.capacity[machine])
    return math.inf


def peaks(operators: Operators, order: Order) -> list[float]:
    """The largest number of bytes held on each device, workspace included."""
    count = operators.microbatches
    result: list[float] = []
    for sequence in order[: len(operators.capacity)]:
        held = peak = 0.0
        for op in sequence:
            kind = operators.kinds[op // count]
            held += kind.allocates
            peak = max(peak, held + kind.workspace)
            held -= kind.releases
        result.append(peak)
    return result


def fits(operators: Operators, order: Order) -> bool:
    """Whether `order` keeps every device within its capacity."""
    return all(
        peak <= limit(capacity)
        for peak, capacity in zip(peaks(operators, order), operators.capacity, strict=True)
    )


@dataclass(frozen=True, slots=True)
class InFlight:
    """`allocating` of micro-batch m + `count` cannot start before `releasing` of m has ended."""

    allocating: int
    releasing: int
    count: int


def in_flight_limits(operators: Operators) -> tuple[InFlight, ...]:
    """Precedences that the capacity forces on each chunk.

    Before kind R of a chunk ends, the bytes released by R and by the kinds after R are all held;
    with x such bytes per micro-batch and a capacity c without workspace, floor(c / x) can be in
    flight. True for any number of chunks on the device; limits at or above the micro-batch count
    are left out.
    """
    limits: list[InFlight] = []
    for number, kind in enumerate(operators.kinds):
        if kind.phase != "F" or kind.allocates <= 0:
            continue
        free = room(operators, kind.machine) - kind.workspace
        held = kind.allocates
        for releasing in _releases(operators, number):
            released = operators.kinds[releasing].releases
            if released <= 0:
                continue
            if held <= free < held * operators.microbatches:
                limits.append(InFlight(number, releasing, math.floor(free / held)))
            held -= released
    return tuple(limits)


def precedences_suffice(operators: Operators, device: int) -> bool:
    """Whether `in_flight_limits` alone are the whole memory limit of `device`: one chunk, and all
    its bytes are freed by one kind. Then memory is held by whole micro-batches, counted exactly."""
    forwards = [k for k in operators.on_machine[device] if operators.kinds[k].allocates > 0]
    if not forwards:
        return all(
            operators.kinds[k].workspace <= room(operators, device)
            for k in operators.on_machine[device]
        )
    if len(forwards) > 1 or len(operators.on_machine[device]) > (2 if operators.fused else 3):
        return False
    releasing = [k for k in _releases(operators, forwards[0]) if operators.kinds[k].releases > 0]
    return len(releasing) == 1


def _releases(operators: Operators, forward: int) -> list[int]:
    """The kinds of the same chunk that free memory, in the order they run."""
    chunk = operators.kinds[forward].chunk
    return [
        k
        for k in operators.on_machine[operators.kinds[forward].machine]
        if operators.kinds[k].chunk == chunk and operators.kinds[k].phase != "F"
    ]
