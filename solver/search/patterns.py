"""Stage maps with recomputation: all of them where they are few, and where to start from."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator

import numpy as np

from solver.search.effort import Effort
from solver.search.ready import Ready
from solver.stages.model import StageModel, UnitCosts, respects
from solver.stages.pattern import Pattern

MOST = 40  # up to this many patterns, each is searched
VISITS = 20_000  # partial stage maps looked at before giving up on listing them


def full_flight(ready: Ready) -> list[int]:
    """Micro-batches in flight per stage under 1F1B: enough to hide every dependency."""
    m, stages = ready.problem.split.microbatches, ready.problem.split.stages
    return [min(m, stages - s) for s in range(stages)]


def least_flight(ready: Ready, pattern: Pattern) -> list[int]:
    """Micro-batches that every stage holds at its peak at least: what the family's order says
    (solver/README.md, section 8), or one where the order is free."""
    m, stages = ready.problem.split.microbatches, pattern.stages
    family = ready.problem.spec.train.pipeline.family
    if family == "gpipe":
        return [m] * stages
    if family not in ("one_f_one_b", "zb_h1"):
        return [1] * stages
    depth = [1] * stages
    pairs = {
        (pattern.stage_of[x.source_unit], pattern.stage_of[x.target_unit])
        for x in ready.problem.sends
    }
    for s, t in sorted(pairs, reverse=True):
        if s != t:
            depth[s] = max(depth[s], 1 + depth[t])
    return [min(m, d) for d in depth]


def all_patterns(ready: Ready) -> list[Pattern] | None:
    """Every pattern that the hard pins allow, or None when there are more than `MOST`."""
    maps = stage_maps(ready)
    if maps is None:
        return None
    found: list[Pattern] = []
    for stage_of in maps:
        for again in _recomputations(ready, stage_of):
            pattern = Pattern(ready.problem.split.stages, stage_of, again)
            if not respects(ready.pins, pattern):
                continue
            if len(found) == MOST:
                return None
            found.append(pattern)
    return found


def stage_maps(ready: Ready) -> list[tuple[int, ...]] | None:
    """Stage maps that never decrease along an edge and leave no stage empty; None: too many."""
    units, stages = len(ready.problem.spec.graph.units), ready.problem.split.stages
    before: list[list[int]] = [[] for _ in range(units)]
    for send in ready.problem.sends:
        before[send.target_unit].append(send.source_unit)
    found: list[tuple[int, ...]] = []
    visits = 0
    partial: list[tuple[int, ...]] = [()]
    while partial:
        visits += 1
        if visits > VISITS or len(found) > MOST:
            return None
        done = partial.pop()
        if len(done) == units:
            found.append(done)
            continue
        least = max((done[u] for u in before[len(done)]), default=0)
        for s in range(stages - 1, least - 1, -1):
            extended = (*done, s)
            missing = stages - len(set(extended))
            if missing <= units - len(extended):
                partial.append(extended)
    return found


def _recomputations(ready: Ready, stage_of: tuple[int, ...]) -> Iterator[tuple[bool, ...]]:
    """How many layers of each class recompute on each stage. Layers of one class on one stage are
    alike, so the first ones do."""
    mode = ready.problem.spec.train.recompute
    layers, wishes = ready.layers(), ready.recompute_wishes()
    if mode != "auto":
        yield (mode == "full",) * len(layers)
        return
    place = {u: c for c, k in enumerate(ready.problem.classes) for u in k.units}
    members: dict[tuple[int, int], list[int]] = {}
    for u, unit in enumerate(ready.problem.spec.graph.units):
        if layers[u] and u not in wishes:
            members.setdefault((stage_of[u], place[unit.name]), []).append(u)
    for sizes in itertools.product(*(range(len(m) + 1) for m in members.values())):
        chosen = {u for m, n in zip(members.values(), sizes, strict=True) for u in m[:n]}
        yield tuple(wishes.get(u, u in chosen) for u in range(len(layers)))


def starts(ready: Ready, effort: Effort) -> Iterator[Pattern]:
    """Balanced stage maps (or any that the pins allow): without recomputation, then with it
    everywhere."""
    mode = ready.problem.spec.train.recompute
    layers, wishes = ready.layers(), ready.recompute_wishes()
    stage_of = _balanced(layers, ready.problem.split.stages)
    for again in {"auto": (False, True), "none": (False,), "full": (True,)}[mode]:
        all_units = mode == "full"
        flags = tuple(wishes.get(u, again and (x or all_units)) for u, x in enumerate(layers))
        pattern = Pattern(ready.problem.split.stages, stage_of, flags)
        if respects(ready.pins, pattern) and is_monotone(ready, stage_of):
            yield pattern
        else:
            legal = _any_map(ready, again, effort)
            if legal is not None:
                yield legal


def _balanced(layers: list[bool], stages: int) -> tuple[int, ...]:
    """Layers dealt out evenly in order, what stands between them with the layer before it."""
    total, done = sum(layers), 0
    if total < stages:
        return tuple(u * stages // len(layers) for u in range(len(layers)))
    stage_of = []
    for layer in layers:
        stage_of.append(min(stages - 1, done * stages // total))
        done += layer
    return tuple(stage_of)


def is_monotone(ready: Ready, stage_of: tuple[int, ...]) -> bool:
    """Whether no tensor goes back to an earlier stage."""
    return all(stage_of[x.source_unit] <= stage_of[x.target_unit] for x in ready.problem.sends)


def _any_map(ready: Ready, again: bool, effort: Effort) -> Pattern | None:
    """Any stage map that respects the pins and the graph."""
    zero = np.zeros(len(ready.problem.spec.graph.units))
    model = StageModel(
        ready.problem,
        UnitCosts(*([zero] * 9)),
        full_flight(ready),
        math.inf,
        ready.pins,
        may_recompute=False,
        must_recompute=again,
    )
    return model.solve(effort.limits(0.2))
