"""What a period and a micro-batch's flow time cannot fall below, in the ticks of the operators.

A period is at least
- the work of one micro-batch on any machine;
- bytes x ticks held by one micro-batch on a device, at their least, over the capacity: the average
  of what a repeating schedule holds is at most its peak.
These bound repeating schedules only; a finite schedule may do without a repeating part.
"""

from __future__ import annotations

import math

from solver.schedule.operators import Operators
from solver.schedule.ticks import in_memory_units


def least_period(operators: Operators) -> int | None:
    """A lower bound on the period of every kernel; None when some device cannot hold anything."""
    bound = 1
    for machine, here in enumerate(operators.on_machine):
        work = sum(int(operators.kinds[k].duration) for k in here)
        units = in_memory_units(operators, machine)
        held = 0
        if units is not None:
            for k in here:
                size = units.workspace[k] * int(operators.kinds[k].duration)
                if units.releases[k]:
                    size += units.releases[k] * longest(operators, allocating(operators, k))[k]
                held += size
            if held and units.capacity <= 0:
                return None
        bound = max(bound, work, math.ceil(held / units.capacity) if held and units else 0)
    return bound


def critical_path(operators: Operators) -> int:
    """The least flow time: from the first start of a micro-batch to its last end, tails of machines
    included."""
    return max(head + tail for head, tail in zip(heads(operators), tails(operators), strict=True))


def heads(operators: Operators) -> list[int]:
    """Least time from the start of a micro-batch to the start of each kind."""
    starts = [0] * len(operators.kinds)
    for k in operators.topological:
        for source, delay in operators.kinds[k].inputs:
            end = starts[source] + int(operators.kinds[source].duration + delay)
            starts[k] = max(starts[k], end)
    return starts


def tails(operators: Operators) -> list[int]:
    """Least time from the start of each kind to the end of the micro-batch."""
    rest = [0] * len(operators.kinds)
    for k in reversed(operators.topological):
        kind = operators.kinds[k]
        after = [rest[target] + int(delay) for target, delay in kind.outputs]
        rest[k] = int(kind.duration) + max(after, default=0)
        rest[k] = max(rest[k], int(kind.duration + operators.tails[kind.machine]))
    return rest


def longest(operators: Operators, source: int) -> list[int]:
    """Longest path from the start of `source` to the end of every kind it leads to (0: none)."""
    ends = [0] * len(operators.kinds)
    ends[source] = int(operators.kinds[source].duration)
    for k in operators.topological:
        kind = operators.kinds[k]
        arrivals = [ends[one] + int(delay) for one, delay in kind.inputs if ends[one]]
        if arrivals:
            ends[k] = max(ends[k], max(arrivals) + int(kind.duration))
    return ends


def allocating(operators: Operators, releasing: int) -> int:
    """The forward that allocates what `releasing` frees: kind c of chunk c."""
    return operators.kinds[releasing].chunk
