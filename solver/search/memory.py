"""`minimize memory`: the selection whose fullest stage needs least, with as few micro-batches in
flight as the schedule family allows.

The same three steps as for time (messages, pruning, CP-SAT), with bytes in the place of seconds.
Where the order is free one micro-batch can run at a time, so the least peak is that of the
selection; the scheduler then makes the best of the memory it has.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from solver.search.effort import Effort
from solver.search.patterns import all_patterns, least_flight, starts
from solver.search.prune import pruned, threshold
from solver.search.split import Found, SplitSearch
from solver.search.terms import stage_terms
from solver.search.values import peak_bytes, penalty, soft_penalties
from solver.sharding.energy import Weights, energy
from solver.sharding.messages import Messages
from solver.sharding.model import ShardingModel
from solver.sharding.terms import StageTerms
from solver.stages.pattern import Pattern

GIB = 2.0**30
SWEEPS = 8


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


def _memory_weights(terms: StageTerms) -> Weights:
    """The mean stage memory in GiB: at most the largest."""
    return Weights(
        terms.memory.mean(axis=0) / GIB, dict(enumerate(terms.held_memory.mean(axis=0) / GIB))
    )


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
    terms = stage_terms(ready.problem, pattern, held, search.capacity)
    weights = _memory_weights(terms)
    extra = search.unit_penalty(pattern)
    room = (cutoff - reserve - extra) / GIB
    shares = {n: p / GIB for n, p in soft_penalties(ready.pins).items()}
    made = energy(ready.problem, weights, ready.domain, shares, room)
    if any(len(kept) == 0 for kept in made.kept):
        return cutoff
    messages = Messages(made)
    messages.run(SWEEPS)
    marginals = messages.marginals()
    level = threshold(made, marginals, room)
    domain = pruned(ready.problem, ready.pins, ready.domain, made, marginals, weights, level)
    slowest = search.step_limit if math.isfinite(search.step_limit) else 1e3
    model = ShardingModel(
        ready.problem, terms, domain, ready.pins, slowest / 4e6, minimize_memory=True
    )
    if math.isfinite(search.step_limit):
        model.limit_makespan(search.step_limit)
    result = model.solve(effort.limits(0.5))
    bound = min(level * GIB, max(result.bound, messages.bound * GIB)) + reserve + extra
    if result.selection is None:
        return min(bound, cutoff) if result.status != "infeasible" else min(level * GIB, cutoff)
    peak = float(peak_bytes(ready.problem, pattern, held, result.selection).max())
    paid = extra + penalty(ready.problem, ready.pins, result.selection)
    tight = min(search.capacity, peak * (1 + 1e-12))
    search.schedule(
        result.selection,
        pattern,
        effort,
        0.3,
        lambda found: keep(Found(found.plan, peak + reserve + paid)),
        capacity=tight,
    )
    return min(bound, cutoff)
