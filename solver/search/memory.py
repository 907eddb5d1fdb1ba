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
from solver.search.patterns import all_patterns, least_flight, starts
from solver.search.split import SplitSearch
from solver.search.values import peak_bytes
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
    terms = search.terms(pattern, held, search.capacity)
    extra = search.unit_penalty(pattern) + reserve
    choice = choose(ready.tables, terms, cutoff - extra, effort.limits(0.5), search.aim())
    bound = min(choice.bound + extra, cutoff)
    if choice.selection is None:
        return bound
    peak = float(peak_bytes(ready.problem, pattern, held, choice.selection).max())
    ceilings = [min(search.capacity, peak * (1 + 1e-12))]
    # More memory may pay for a shorter step, or be needed where chunks take turns.
    if search.goal.soft_seconds or pattern.chunks > pattern.stages:
        ceilings.append(search.capacity)
    search.schedule(choice.selection, pattern, effort, 0.3, keep, ceilings)
    return bound
