"""Zero-bubble schedules between ZB-H1 and ZB-H2, and beyond, for any memory and any times.

Not a family of its own, since its orders depend on capacities and times: starts for the search. A
device runs as many forwards ahead as it can before its first gradient arrives, within its memory,
then one backward and one forward in turn. Its weight gradients trail as far as the rest of the
memory allows: a micro-batch whose input gradient is done holds only what its weight gradient frees.
They fill the end, where the device waits for gradients (Qi et al. 2023, section 3: with room for
2P activations almost nothing is lost, if there are enough micro-batches to put off).

With equal times and memory that the weight gradient frees, room for P activations gives ZB-H1, for
2P - 1 ZB-H2.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

from solver.schedule.families.warmup import alternate, remaining_depth
from solver.schedule.heads import first_heads
from solver.schedule.memory import room
from solver.schedule.operators import Operators, Order

ROUNDING = 1e-9


def orders(operators: Operators) -> Iterator[Order]:
    """Orders of one chunk per device, W apart: forwards ahead by the published count, or by the
    times, rounded down or up."""
    ahead = forwards_before_gradient(operators)
    stages = max(remaining_depth(operators))
    for choice in (
        [2 * depth - 1 for depth in remaining_depth(operators)],
        [math.floor(count + ROUNDING) for count in ahead],
        [math.ceil(count - ROUNDING) for count in ahead],
    ):
        for spared in (0, 1):  # activations kept free by the first stages for the last ones
            warmups, lags = [], []
            for chunk, depth in enumerate(remaining_depth(operators)):
                least = stages - depth if spared else 0
                warmups.append(_warmup(operators, chunk, choice[chunk], least))
                lags.append(_lag(operators, chunk, warmups[-1]))
            yield alternate(operators, warmups, lags)


def forwards_before_gradient(operators: Operators) -> list[float]:
    """Per chunk, how many forwards its device has time for before the first gradient arrives."""
    heads = first_heads(operators, operators.ready)
    count = operators.chunks
    found: list[float] = []
    for chunk in range(count):
        wait = heads[count + chunk] - heads[chunk]
        duration = operators.kinds[chunk].duration
        found.append(wait / duration if duration > 0 else float(operators.microbatches))
    return found


def _warmup(operators: Operators, chunk: int, wanted: int, spared: int) -> int:
    kind = operators.kinds[chunk]
    free = room(operators, kind.machine) - kind.workspace
    most = operators.microbatches
    if kind.allocates * most > free:
        most = math.floor(max(0.0, free) / kind.allocates)
    return max(1, min(wanted, most - spared))


def _lag(operators: Operators, chunk: int, warmup: int) -> int:
    """How many weight gradients may be put off beside that many micro-batches in flight."""
    kind = operators.kinds[chunk]
    late = operators.kinds[2 * operators.chunks + chunk].releases
    free = room(operators, kind.machine) - kind.workspace - warmup * kind.allocates
    if late * operators.microbatches <= free or math.isinf(free):
        return operators.microbatches
    return max(0, math.floor(free / late + ROUNDING))
