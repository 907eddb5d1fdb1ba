"""Operators with small integer times, for a kernel's model.

CP-SAT finds kernels of tens of ticks in seconds and of hundreds hardly (V, 8 devices, 36:59:35,
memory 10, one busy core: 2 s at 66 ticks; at 260 ticks 7 s with one seed and none in 8 s with
another). The order is what counts: it is re-timed in the exact times, so that rounding can cost
quality and never validity: what waits for nothing that comes later in rounded times does not
deadlock in any.
"""

from __future__ import annotations

from solver.schedule.operators import Operators, with_times

RESOLUTION = 64
"""Most ticks of work of one micro-batch on the busiest machine."""


def coarse(operators: Operators, resolution: int = RESOLUTION) -> Operators:
    """The same operators with times rounded to the nearest multiple of a larger tick, where the
    busiest machine has more than `resolution` ticks of work per micro-batch."""
    busiest = max(operators.work(m) for m in range(len(operators.on_machine)))
    tick = busiest / operators.microbatches / resolution
    if tick <= 1.0:
        return operators
    return with_times(
        operators,
        [round(kind.duration / tick) for kind in operators.kinds],
        [[round(delay / tick) for _, delay in kind.inputs] for kind in operators.kinds],
        [round(tail / tick) for tail in operators.tails],
        [wish.weight for wish in operators.wishes],
    )
