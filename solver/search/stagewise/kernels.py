"""Compiled loops of `solver.search.stagewise.bound`: can the units be dealt to the stages?"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from solver.compiled import compiled
from solver.cost.collectives import Floats

Ints = npt.NDArray[np.int64]

PLAIN, AGAIN, EITHER = 0, 1, 2  # whether a unit is recomputed


@compiled
def interpolated(values: Floats, held: Floats, flight: float, out: Floats) -> None:
    """[mode, price, kind] out of [mode, price, held, kind]: `flight` micro-batches in flight lie
    between two of `held`. What is least at a price is concave in it, so the line is below."""
    last = len(held) - 1
    g = 0
    while g < last and held[g + 1] <= flight:
        g += 1
    share = 0.0
    if g < last:
        share = max(0.0, (flight - held[g]) / (held[g + 1] - held[g]))
    for mode in range(values.shape[0]):
        for p in range(values.shape[1]):
            for k in range(values.shape[3]):
                low = values[mode, p, g, k]
                if share > 0.0 and np.isfinite(low):
                    low += share * (values[mode, p, g + 1, k] - low)
                out[mode, p, k] = low


@compiled
def least_time(
    own: Floats, offset: Floats, free: Ints, sums: Floats, order: Ints, limit: float, found: Ints
) -> float:
    """The least over counts r of recomputed units of the largest over prices of what a stage costs.

    `sums` [price] are those of the units with none of the free ones recomputed, `own` [mode, price,
    kind], `offset` [price] what the price pays back, `free` [kind] how many may be either, `order`
    [price, kind] the kinds by what recomputation costs. Ends early at `limit`. `found` gets r and
    the price that decides.
    """
    total = 0
    for k in range(len(free)):
        total += free[k]
    best = np.inf
    for r in range(total + 1):
        worst, by = -np.inf, 0
        for p in range(len(sums)):
            value = sums[p] - offset[p]
            left = r
            for n in range(len(free)):
                k = order[p, n]
                taken = min(left, free[k])
                if taken > 0:
                    value += taken * (own[AGAIN, p, k] - own[PLAIN, p, k])
                    left -= taken
            if value > worst:
                worst, by = value, p
                if worst >= best:
                    break
        if worst < best:
            best = worst
            found[0], found[1] = r, by
            if best <= limit:
                break
    return best


@compiled
def in_flight(
    microbatches: int, shrink: float, by_order: bool, left: int, residence: float, limit: float
) -> float:
    """Micro-batches that a stage with `left` stages from it on has in flight at some time.

    With `shrink` below 1 it is for all counts up to `microbatches / shrink`: in micro-batches of
    the least count those of the greatest are `shrink`, and stay at least that part of the time.
    """
    if by_order:
        return float(shrink * min(np.round(microbatches / shrink), float(left)))
    flight = shrink * microbatches * residence / limit
    if shrink == 1.0:
        flight = np.ceil(flight - 1e-6)
    return float(min(max(shrink, flight), float(microbatches)))


@compiled
def reach(
    values: Floats,
    offset: Floats,
    held: Floats,
    kind: Ints,
    entering: Ints,
    mode: Ints,
    lead: Floats,
    residence: Floats,
    stages: int,
    microbatches: int,
    shrink: float,
    by_order: bool,
    limit: float,
    ends: Ints,
    counts: Ints,
    prices: Ints,
    stops: Ints,
    again: Ints,
) -> bool:
    """Whether the units can be dealt, in order, to the stages so that each one's bound is within
    `limit`. If so `ends[s]` is the first unit after stage s and `counts[s]` how many of its units
    are recomputed; else `stops[i]` is the unit that a stage starting at unit i has no room for,
    `prices[i]` the price that decided so, and `again[i]` with how many units recomputed.

    `kind` is that of every unit, `entering[i]` that of unit i where a stage starts with it.
    `lead[i]` are seconds before a stage that starts at unit i can begin, `residence[i]` those that
    a micro-batch stays on it. `by_order`: as many micro-batches are in flight as 1F1B has.
    """
    units, kinds, count = len(kind), values.shape[3], values.shape[1]
    own = np.empty((2, count, kinds))
    order = np.empty((count, kinds), dtype=np.int64)
    came = np.full((stages + 1, units + 1), -1, dtype=np.int64)
    recomputed = np.zeros((stages + 1, units + 1), dtype=np.int64)
    came[0, 0] = 0
    sums = np.empty(count)
    free = np.zeros(kinds, dtype=np.int64)
    found = np.zeros(2, dtype=np.int64)
    before = -1.0
    for s in range(stages):
        for i in range(s, units):
            if came[s, i] < 0:
                continue
            flight = in_flight(microbatches, shrink, by_order, stages - s, residence[i], limit)
            if flight != before:
                interpolated(values, held, flight, own)
                for p in range(count):
                    delta = own[1, p] - own[0, p]
                    order[p] = np.argsort(delta)
                before = flight
            sums[:] = 0.0
            free[:] = 0
            last = units - (stages - 1 - s)
            for j in range(i + 1, last + 1):
                k = kind[j - 1]
                if j - 1 == i:
                    k = entering[i]
                if mode[j - 1] == 2:
                    free[k] += 1
                for p in range(count):
                    sums[p] += own[1 if mode[j - 1] == 1 else 0, p, k]
                room = limit - lead[i]
                time = least_time(own, offset, free, sums, order, room, found)
                if time > room:
                    again[i], prices[i], stops[i] = found[0], found[1], j - 1
                    break
                if (s < stages - 1 or j == units) and came[s + 1, j] < 0:
                    came[s + 1, j] = i
                    recomputed[s + 1, j] = found[0]
    if came[stages, units] < 0:
        return False
    j = units
    for s in range(stages, 0, -1):
        ends[s - 1] = j
        counts[s - 1] = recomputed[s, j]
        j = came[s, j]
    return True
