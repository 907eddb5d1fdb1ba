"""The one exact re-timer: from the order on every device to the earliest start times.

Longest paths in the graph of dependencies and device successions, in the numbers given (floats, or
integer ticks). Every algorithm of this room decides an order only; its times come from here.
"""

from __future__ import annotations

from collections.abc import Sequence

from solver.schedule.operators import Operators, Order


def retime(operators: Operators, order: Order) -> list[float] | None:
    """Earliest start of every operator when each device runs its operators in `order`.

    None when the order waits for itself (a deadlock) or leaves an operator out.
    """
    starts, sequence = _run(operators, order)
    return starts if len(sequence) == operators.count else None


def by_start(operators: Operators, order: Order) -> list[int]:
    """All operators of a sound order by start time, each after all it depends on or follows."""
    starts, sequence = _run(operators, order)
    return sorted(sequence, key=lambda op: starts[op])  # stable: ties keep the dependencies


def _run(operators: Operators, order: Order) -> tuple[list[float], list[int]]:
    """Earliest starts (-1: never) and the operators in an order that respects all precedences."""
    count = operators.microbatches
    kinds = operators.kinds
    inputs = [[(source * count, delay) for source, delay in kind.inputs] for kind in kinds]
    durations = [kind.duration for kind in kinds]
    starts = [-1.0] * operators.count
    ends = [-1.0] * operators.count
    position = [0] * len(order)
    free_at = [0.0] * len(order)
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
    """End of the last operator of each device plus that device's tail, at its largest."""
    count = operators.microbatches
    latest = 0.0
    for device, sequence in enumerate(order):
        end = 0.0
        if sequence:
            last = sequence[-1]
            end = starts[last] + operators.kinds[last // count].duration
        latest = max(latest, end + operators.tails[device])
    return latest
