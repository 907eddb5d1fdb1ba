"""Stage maps with recomputation: all of them where they are few, and where to start from."""

from __future__ import annotations

import bisect
import itertools
import math
from collections.abc import Iterator, Sequence

import numpy as np

from dsl.spec import Pin, Spec
from solver.schedule import Edge
from solver.search.effort import Effort
from solver.search.order import takes
from solver.search.order_pins import hard_orders
from solver.search.possible_orders import are_possible, least_flight_of_orders
from solver.search.ready import Ready
from solver.search.terms import are_held_together
from solver.sharding.build import Frame
from solver.space.mesh import Split
from solver.stages.model import StageModel, UnitCosts, respects
from solver.stages.pattern import Pattern
from solver.stages.placement import placement

MOST = 400  # up to this many patterns, each is searched
VISITS = 20_000  # partial stage maps looked at before giving up on listing them


def full_flight(ready: Ready) -> list[int]:
    """Micro-batches in flight per chunk that are enough to hide every dependency: those of 1F1B for
    one chunk per stage, of `interleaved` for its loops. Otherwise by Little's law: with v chunks
    per stage, a new micro-batch comes every v operators, and leaves the last n chunks after n. More
    where pins on the order ask for them."""
    split = ready.problem.split
    m, on_stage = split.microbatches, placement(ready.problem.spec.train.pipeline, split.stages)
    if ready.problem.spec.train.pipeline.family == "interleaved":
        return interleaved_flight(on_stage, m)
    rounds = len(on_stage) // split.stages
    hidden = [min(m, math.ceil(left / rounds)) for left in range(len(on_stage), 0, -1)]
    return [max(pair) for pair in zip(hidden, fewest_flight(ready), strict=True)]


def fewest_flight(ready: Ready) -> list[int]:
    """Micro-batches that every chunk has in flight at some time, whatever the stage map: one, or as
    many as hard pins on the order ask for."""
    spec, split = ready.problem.spec, ready.problem.split
    on_stage = placement(spec.train.pipeline, split.stages)
    pins = hard_orders(spec.pins)
    if not pins or spec.train.pipeline.family is not None or len(on_stage) > split.stages:
        return [1] * len(on_stage)
    is_chain = ready.problem.wiring.is_chain
    edges = [Edge(c, c + 1, 0.0) for c in range(len(on_stage) - 1)] if is_chain else []
    return least_flight_of_orders(pins, on_stage, edges, split.microbatches)


def interleaved_flight(on_stage: tuple[int, ...], microbatches: int) -> list[int]:
    """Micro-batches in every chunk of `interleaved` when its stage begins its first backward."""
    stages = max(on_stage) + 1
    rounds = len(on_stage) // stages
    visits = [
        turn
        for _ in range(0, microbatches, stages)
        for turn in range(rounds)
        for _ in range(stages)
    ]
    ahead = [2 * (stages - s - 1) + (rounds - 1) * stages + 1 for s in range(stages)]
    return [visits[: ahead[s]].count(c // stages) for c, s in enumerate(on_stage)]


def least_flight(ready: Ready, pattern: Pattern) -> list[int]:
    """Micro-batches in every chunk at a time when its stage holds many: what the family's order
    says (solver/README.md, section 8), or one where the order is free, or more where pins on the
    order ask for them."""
    return flight_of_orders(ready, pattern, hard_orders(ready.problem.spec.pins))


def flight_of_orders(ready: Ready, pattern: Pattern, pins: Sequence[Pin]) -> list[int]:
    """`least_flight` where these pins on the order hold. Of several chunks per stage, which are not
    full at one time, nothing is known."""
    family = ready.problem.spec.train.pipeline.family
    if not pins or family is not None or pattern.has_several_chunks:
        return _flight_of_family(ready, pattern)
    edges = [Edge(s, t, 0.0) for s, t in sorted(chunk_pairs(ready, pattern.chunk_of))]
    count = ready.problem.split.microbatches
    return least_flight_of_orders(pins, pattern.placement, edges, count)


def _flight_of_family(ready: Ready, pattern: Pattern) -> list[int]:
    m, chunks = ready.problem.split.microbatches, pattern.chunks
    family = ready.problem.spec.train.pipeline.family
    if family == "gpipe":
        return [m] * chunks
    if family == "interleaved":
        return interleaved_flight(pattern.placement, m)
    if not are_held_together(ready.problem):
        return [int(s not in pattern.placement[:c]) for c, s in enumerate(pattern.placement)]
    if family not in ("one_f_one_b", "zb_h1"):
        return [1] * chunks
    depth = [1] * chunks
    for s, t in sorted(chunk_pairs(ready, pattern.chunk_of), reverse=True):
        depth[s] = max(depth[s], 1 + depth[t])
    return [min(m, d) for d in depth]


def chunk_pairs(ready: Ready, chunk_of: Sequence[int]) -> set[tuple[int, int]]:
    """Chunks of which the second reads what the first has made."""
    pairs = {(chunk_of[x.source_unit], chunk_of[x.target_unit]) for x in ready.problem.sends}
    return {(s, t) for s, t in pairs if s != t}


def is_taken(ready: Ready, pattern: Pattern) -> bool:
    """Whether the schedule family has an order for the chunks of a pattern, and some order keeps
    the hard pins."""
    edges = [Edge(s, t, 0.0) for s, t in sorted(chunk_pairs(ready, pattern.chunk_of))]
    spec, count = ready.problem.spec, ready.problem.split.microbatches
    family = spec.train.pipeline.family
    return takes(family, pattern, edges, count) and are_possible(
        spec, pattern.placement, edges, count, family
    )


def has_stage_maps(spec: Spec, split: Split) -> bool:
    """Whether there are as many units as chunks, and the schedule family takes so many stages and
    micro-batches where the chunks form a chain."""
    on_stage = placement(spec.train.pipeline, split.stages)
    chain = (Edge(c, c + 1, 0.0) for c in range(len(on_stage) - 1))
    chunks, family = Pattern(on_stage, (), ()), spec.train.pipeline.family
    enough = len(spec.graph.units) >= len(on_stage)
    return enough and takes(family, chunks, chain, split.microbatches)


def has_orders(frame: Frame, split: Split) -> bool:
    """Whether some order keeps the hard pins, by what is known of all stage maps: each stage reads
    from the one before it where the units form a chain."""
    spec = frame.spec
    on_stage = placement(spec.train.pipeline, split.stages)
    if not frame.wiring.is_chain:
        return are_possible(spec, on_stage, (), split.microbatches, None)
    chain = [Edge(c, c + 1, 0.0) for c in range(len(on_stage) - 1)]
    return are_possible(spec, on_stage, chain, split.microbatches, spec.train.pipeline.family)


def all_patterns(ready: Ready) -> list[Pattern] | None:
    """Every pattern that the hard pins allow, or None when there are more than `MOST`."""
    maps = chunk_maps(ready)
    if maps is None:
        return None
    found: list[Pattern] = []
    on_stage = placement(ready.problem.spec.train.pipeline, ready.problem.split.stages)
    for chunk_of in maps:
        for again in _recomputations(ready, chunk_of):
            pattern = Pattern(on_stage, chunk_of, again)
            if not (respects(ready.pins, pattern) and is_taken(ready, pattern)):
                continue
            if len(found) == MOST:
                return None
            found.append(pattern)
    return found


def chunk_maps(ready: Ready) -> list[tuple[int, ...]] | None:
    """Chunks of all units that never decrease along an edge; none is empty. None: too many."""
    units = len(ready.problem.spec.graph.units)
    chunks = len(placement(ready.problem.spec.train.pipeline, ready.problem.split.stages))
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
        for c in range(chunks - 1, least - 1, -1):
            extended = (*done, c)
            missing = chunks - len(set(extended))
            if missing <= units - len(extended):
                partial.append(extended)
    return found


def _recomputations(ready: Ready, chunk_of: tuple[int, ...]) -> Iterator[tuple[bool, ...]]:
    """How many layers of each class recompute in each chunk. Layers of one class in one chunk are
    alike, so the first ones do."""
    mode = ready.recompute_mode()
    layers, wishes = ready.layers(), ready.recompute_wishes()
    if mode != "auto":
        yield (mode == "full",) * len(layers)
        return
    place = {u: c for c, k in enumerate(ready.problem.classes) for u in k.units}
    members: dict[tuple[int, int], list[int]] = {}
    for u, unit in enumerate(ready.problem.spec.graph.units):
        if layers[u] and u not in wishes:
            members.setdefault((chunk_of[u], place[unit.name]), []).append(u)
    for sizes in itertools.product(*(range(len(m) + 1) for m in members.values())):
        chosen = {u for m, n in zip(members.values(), sizes, strict=True) for u in m[:n]}
        yield tuple(wishes.get(u, u in chosen) for u in range(len(layers)))


def starts(ready: Ready, effort: Effort) -> Iterator[Pattern]:
    """Balanced stage maps (or any that the pins allow): without recomputation, then with it
    everywhere."""
    mode = ready.recompute_mode()
    layers, wishes = ready.layers(), ready.recompute_wishes()
    on_stage = placement(ready.problem.spec.train.pipeline, ready.problem.split.stages)
    split, kinds = ready.problem.split, ready.problem.kinds
    chunk_of = balanced(layers, [kinds.shares[split.kinds[stage]] for stage in on_stage])
    for again in {"auto": (False, True), "none": (False,), "full": (True,)}[mode]:
        all_units = mode == "full"
        flags = tuple(wishes.get(u, again and (x or all_units)) for u, x in enumerate(layers))
        pattern = Pattern(on_stage, chunk_of, flags)
        if respects(ready.pins, pattern) and is_monotone(ready, chunk_of):
            yield pattern
        else:
            legal = _any_map(ready, again, effort)
            if legal is not None:
                yield legal


def balanced(layers: Sequence[bool], speeds: Sequence[float]) -> tuple[int, ...]:
    """Layers dealt out in order over chunks in proportion to their speeds, what stands between them
    with the layer before it; one at least to each where there are enough."""
    total, done, chunks = sum(layers), 0, len(speeds)
    if total < chunks:
        return tuple(u * chunks // len(layers) for u in range(len(layers)))
    ends = [-(-total * (c + 1) // chunks) for c in range(chunks)]
    if len(set(speeds)) > 1:
        sizes = [1] * chunks
        for _ in range(total - chunks):
            least = min(range(chunks), key=lambda c: (sizes[c] + 1) / speeds[c])
            sizes[least] += 1
        ends = list(itertools.accumulate(sizes))
    chunk_of = []
    for layer in layers:
        chunk_of.append(min(chunks - 1, bisect.bisect_right(ends, done)))
        done += layer
    return tuple(chunk_of)


def is_monotone(ready: Ready, chunk_of: tuple[int, ...]) -> bool:
    """Whether no tensor goes back to an earlier chunk."""
    return all(chunk_of[x.source_unit] <= chunk_of[x.target_unit] for x in ready.problem.sends)


def _any_map(ready: Ready, again: bool, effort: Effort) -> Pattern | None:
    """Any stage map that respects the pins and the graph."""
    bytes_ = np.zeros(len(ready.problem.spec.graph.units))
    seconds = np.zeros((ready.problem.kinds.count, len(bytes_)))
    model = StageModel(
        ready.problem,
        UnitCosts(*([seconds] * 4), *([bytes_] * 5)),
        full_flight(ready),
        np.full(ready.problem.split.stages, math.inf),
        ready.pins,
        may_recompute=False,
        must_recompute=again,
    )
    return model.solve(effort.limits(0.2))
