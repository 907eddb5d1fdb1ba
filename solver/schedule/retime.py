"""The one exact re-timer: from the order on every device to the earliest start times.

Longest paths in the graph of dependencies and device successions, in the numbers given (floats, or
integer ticks). Every algorithm of this room decides an order only; its times come from here.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from solver.schedule.operators import Operators, Order, Wish


def retime(operators: Operators, order: Order) -> list[float] | None:
    """Earliest start of every operator when each device runs its operators in `order`.

    None when the order waits for itself (a deadlock) or leaves an operator out.
    """
    starts, sequence = _run(operators, order)
    return starts if len(sequence) == operators.count else None


def by_start(operators: Operators, order: Order, starts: Sequence[float]) -> list[int]:
    """All operators of a sound order by start time, each after all it depends on or follows."""
    sequence = _run(operators, order)[1]
    return sorted(sequence, key=lambda op: starts[op])  # stable: ties keep the dependencies


def _run(operators: Operators, order: Order) -> tuple[list[float], list[int]]:
    """Earliest starts (-1: never) and the operators in an order that respects all precedences."""
    count = operators.microbatches
    kinds = operators.kinds
    musts: dict[int, list[int]] = {}
    for before, after in operators.musts:
        musts.setdefault(after, []).append(before)
    inputs = [[(source * count, delay) for source, delay in kind.inputs] for kind in kinds]
    durations = [kind.duration for kind in kinds]
    starts = [-1.0] * operators.count
    ends = [-1.0] * operators.count
    position = [0] * len(order)
    free_at = list(operators.ready)
    sequenced: list[int] = []
    waiting: dict[int, list[int]] = {}
    devices = list(range(len(order)))
    while devices:
        device = devices.pop()
        sequence = order[device]
        time = free_at[device]
        here = position[device]
        while here < len(sequence):
            op = sequence[here]
            kind, microbatch = divmod(op, count)
            start = time
            blocked = -1
            for base, delay in inputs[kind]:
                arrival = ends[base + microbatch]
                if arrival < 0:
                    blocked = base + microbatch
                    break
                if arrival + delay > start:
                    start = arrival + delay
            if op in musts and blocked < 0:
                for before in musts[op]:
                    if ends[before] < 0:
                        blocked = before
                        break
                    start = max(start, ends[before])
            if blocked >= 0:
                waiting.setdefault(blocked, []).append(device)
                break
            starts[op] = start
            ends[op] = time = start + durations[kind]
            sequenced.append(op)
            here += 1
            if op in waiting:
                devices += waiting.pop(op)
        position[device] = here
        free_at[device] = time
    return starts, sequenced


def makespan(operators: Operators, order: Order, starts: Sequence[float]) -> float:
    """End of the last operator of each machine plus that machine's tail, at its largest."""
    count = operators.microbatches
    latest = -math.inf
    for machine, sequence in enumerate(order):
        end = operators.ready[machine]
        if sequence:
            last = sequence[-1]
            end = starts[last] + operators.kinds[last // count].duration
        latest = max(latest, end + operators.tails[machine])
    return latest


def broken(operators: Operators, starts: Sequence[float]) -> list[Wish]:
    """The soft pins that these start times break, sums of floats aside."""
    count = operators.microbatches
    found: list[Wish] = []
    for wish in operators.wishes:
        end = starts[wish.before] + operators.kinds[wish.before // count].duration
        if starts[wish.after] < end - 1e-9 * max(1.0, abs(end)):
            found.append(wish)
    return found
