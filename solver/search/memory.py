"""`minimize memory`: the selection whose fullest stage needs least, with as few micro-batches in
flight as the schedule family allows.

The same steps as for time, with bytes in the place of seconds.
Where the order is free one micro-batch can run at a time, so the least peak is that of the
selection; the scheduler then makes the best of the memory it has.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from solver.search.choose import choose
from solver.search.effort import Effort
from solver.search.goal import Found
from solver.search.order_pins import hard_orders, soft_orders
from solver.search.patterns import all_patterns, flight_of_orders, least_flight, starts
from solver.search.scheduling import schedule
from solver.search.split import SplitSearch
from solver.search.values import peak_bytes
from solver.sharding.problem import Selection
from solver.stages.pattern import Pattern


def search_memory(
    search: SplitSearch,
    cutoff: float,
    effort: Effort,
    reserve: float,
    report: Callable[[Found], None],
) -> None:
    """Look for plans whose peak plus penalties (bytes) is below `cutoff`, and close the split."""
    best = cutoff

    def keep(found: Found) -> None:
        nonlocal best
        if found.value < best:
            best = found.value
            report(found)

    assert search.ready is not None
    patterns = all_patterns(search.ready)
    complete = patterns is not None
    bounds = []
    likely = patterns if patterns is not None else list(starts(search.ready, effort))
    for pattern in likely[-1:] + likely[:-1]:  # full recomputation, the last, often needs least
        if effort.is_over():
            complete = False
            break
        bounds.append(_try(search, pattern, best, effort, reserve, keep))
    floor = search.memory_floor() + reserve
    search.close(max(floor, min(bounds, default=math.inf)) if complete else floor)


def _try(
    search: SplitSearch,
    pattern: Pattern,
    cutoff: float,
    effort: Effort,
    reserve: float,
    keep: Callable[[Found], None],
) -> float:
    """The least peak of one pattern; a bound on it is returned (bytes)."""
    ready = search.ready
    assert ready is not None
    held = least_flight(ready, pattern)
    terms = search.terms(pattern, held, search.rooms)
    extra = search.unit_penalty(pattern) + reserve
    choice = choose(ready.tables, terms, cutoff - extra, effort.limits(0.5), search.aim())
    bound = min(choice.bound + extra, cutoff)
    if choice.selection is None:
        return bound
    peak = float(peak_bytes(ready.problem, pattern, held, choice.selection).max())
    ceilings = [min(search.capacity, peak * (1 + 1e-12))]
    # More memory may pay for a shorter step or for pins, or be needed where chunks take turns.
    ceilings += _for_orders(search, pattern, choice.selection)
    if search.goal.soft_seconds or pattern.chunks > pattern.stages or hard_orders(search.spec.pins):
        ceilings.append(search.capacity)
    schedule(search, choice.selection, pattern, effort, 0.3, keep, ceilings)
    return bound


def _for_orders(search: SplitSearch, pattern: Pattern, selection: Selection) -> list[float]:
    """The least bytes with which each soft pin on the order can hold, and all of them."""
    assert search.ready is not None
    hard, soft = hard_orders(search.spec.pins), soft_orders(search.spec.pins)
    sets = [[*hard, pin] for pin in soft] + [[*hard, *soft]] * (len(soft) > 1)
    found = set()
    for pins in sets:
        held = flight_of_orders(search.ready, pattern, pins)
        peak = float(peak_bytes(search.ready.problem, pattern, held, selection).max())
        found.add(min(search.capacity, peak * (1 + 1e-12)))
    return sorted(found)
