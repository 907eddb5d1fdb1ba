"""Zero-bubble schedules between ZB-H1 and ZB-H2, and beyond, for any memory.

With room for n activations on every stage of P, the warm-up of stage p is n - p forwards, at most
the 2 (P - p) - 1 of ZB-H2, and weight gradients trail so that all n are in use: n = P is ZB-H1, n
= 2P - 1 is ZB-H2. Not a family of its own, since its order depends on the capacities: a start for
the search.
"""

from __future__ import annotations

from solver.schedule.families.room import activations
from solver.schedule.families.warmup import alternate, remaining_depth
from solver.schedule.operators import Operators, Order


def order(operators: Operators) -> Order:
    """The order that uses the room of the tightest device; one chunk per device, W apart."""
    stages = max(remaining_depth(operators))
    room = activations(operators, operators.microbatches)

    def warmup(depth: int) -> int:
        return max(1, min(room - (stages - depth), 2 * depth - 1))

    return alternate(operators, warmup, lambda depth: max(0, room - warmup(depth)))
