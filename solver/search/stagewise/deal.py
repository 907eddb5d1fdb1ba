"""Plans in which every stage makes its own choices: from the stage map that the bound likes best.

1. Units are dealt to stages as the bound does it (`bound`), with as many micro-batches in flight as
   1F1B has, so that there is an order without idle time.
2. Every stage is a problem of its own: for each number of recomputed layers, the likeliest first,
   the selection with the least time that fits (`solver.search.choose`). Stages that hold the same
   kinds of units with as many micro-batches in flight have the same answer.
3. While the slowest stage can give a unit to another one and the slowest of the two gets faster,
   it does.
4. The selections of all stages together are one of the problem whose classes end where stages do.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from solver.search.choose import choose
from solver.search.effort import Effort
from solver.search.stagewise.bound import GRAIN, Stagewise
from solver.search.stagewise.kernels import AGAIN, EITHER, PLAIN
from solver.search.stagewise.oracle import Joined
from solver.search.terms import stage_terms
from solver.sharding.problem import Selection, ShardingProblem
from solver.sharding.terms import StageTerms
from solver.stages.pattern import Pattern

if TYPE_CHECKING:
    from solver.search.split import SplitSearch

NEAR = 1.003  # a choice so near to what the bound allows is not looked at again
LOOKS = 2  # numbers of recomputed layers tried per stage beside the likeliest
MOVES = 40  # units moved
TARGETS = 12  # stages with most time left that may get one
STAGE_SHARE = 0.25  # of the effort, for one choice of one stage

Key = tuple[tuple[tuple[int, int, int], ...], int]


@dataclass(frozen=True, slots=True)
class Pick:
    """What a stage does: its seconds, how many of its free units are recomputed, its choices (None:
    nothing fits)."""

    value: float
    count: int
    selection: Selection | None


@dataclass
class Dealer:
    """Deals the units of one prepared split to its stages."""

    search: SplitSearch
    effort: Effort
    picks: dict[Key, Pick] = field(default_factory=dict)

    def __post_init__(self) -> None:
        assert self.search.ready is not None
        assert self.search.stagewise is not None
        self.ready = self.search.ready
        self.split = self.search.split
        # The same figures, with the micro-batches in flight of 1F1B.
        self.stagewise: Stagewise = self.search.stagewise.in_order()
        self.units = len(self.stagewise.kind)

    def run(self, cutoff: float) -> tuple[Pattern, list[Selection]] | None:
        """A stage map and the selection of every stage; None where the bound leaves nothing below
        `cutoff`, or nothing was found."""
        least = self.stagewise.refine(Joined(self.ready.tables), cutoff, self.effort.is_over)
        if least >= cutoff:
            return None
        dealt = self.stagewise.plan(min(cutoff, least * (1 + 3 * GRAIN)))
        if dealt is None:
            return None
        ends = self._balance(list(dealt.ends))
        picks = [self._pick(ends, s) for s in range(self.split.stages)]
        found = [p.selection for p in picks if p.selection is not None]
        if len(found) < len(picks):
            return None
        return self._pattern(ends, [p.count for p in picks]), found

    # ---- stage maps ------------------------------------------------------------------------

    def _balance(self, ends: list[int]) -> list[int]:
        """Move units from the slowest stage to others while the slowest of all gets faster."""
        for _ in range(MOVES):
            times = [self._pick(ends, s).value for s in range(self.split.stages)]
            worst = max(range(len(times)), key=lambda s: times[s])
            if not self._improve(ends, times, worst) or self.effort.is_over():
                break
        return ends

    def _improve(self, ends: list[int], times: list[float], worst: int) -> bool:
        """One unit from stage `worst` to another, those between shift along; whether that helps."""
        others = sorted((s for s in range(len(times)) if s != worst), key=lambda s: times[s])
        for target in others[:TARGETS]:
            moved = list(ends)
            if target > worst:
                for s in range(worst, target):
                    moved[s] -= 1
            else:
                for s in range(target, worst):
                    moved[s] += 1
            starts = [0, *moved[:-1]]
            if any(end <= start for start, end in zip(starts, moved, strict=True)):
                continue
            low, high = min(worst, target), max(worst, target)
            limit = times[worst] * (1 - 1e-6)
            between = range(low, high + 1)
            if any(min(self._bounds(self._key(moved, s))) >= limit for s in between):
                continue
            if all(self._pick(moved, s).value < limit for s in between):
                ends[:] = moved
                return True
            if self.effort.is_over():
                return False
        return False

    def _pattern(self, ends: list[int], counts: list[int]) -> Pattern:
        chunk_of: list[int] = []
        again: list[bool] = []
        for s, (end, count) in enumerate(zip(ends, counts, strict=True)):
            left = count
            for u in range(len(chunk_of), end):
                chunk_of.append(s)
                free = self.stagewise.mode[u] == EITHER
                again.append(bool(self.stagewise.mode[u] == AGAIN or (free and left > 0)))
                left -= int(free and left > 0)
        return Pattern(tuple(range(self.split.stages)), tuple(chunk_of), tuple(again))

    # ---- stages ----------------------------------------------------------------------------

    def _flight(self, stage: int) -> int:
        return min(self.split.microbatches, self.split.stages - stage)

    def _key(self, ends: list[int], stage: int) -> Key:
        """What decides about a stage that ends at `ends[stage]`: its units, what is in flight."""
        start = ends[stage - 1] if stage else 0
        here = [(int(self.stagewise.entering[start]), start)]
        here += [(int(self.stagewise.kind[u]), u) for u in range(start + 1, ends[stage])]
        tally: dict[tuple[int, int], int] = {}
        for kind, u in here:
            name = (kind, int(self.stagewise.mode[u]))
            tally[name] = tally.get(name, 0) + 1
        return tuple((k, m, n) for (k, m), n in sorted(tally.items())), self._flight(stage)

    def _pick(self, ends: list[int], stage: int) -> Pick:
        """The best of a stage that ends at `ends[stage]`."""
        key = self._key(ends, stage)
        if key not in self.picks:
            self.picks[key] = self._look(ends, stage, key)
        return self.picks[key]

    def _look(self, ends: list[int], stage: int, key: Key) -> Pick:
        """Try numbers of recomputed units in the order of their bounds."""
        bounds = self._bounds(key)
        best = self._borrowed(key, bounds)
        tried = 0
        for count in sorted(range(len(bounds)), key=lambda r: bounds[r]):
            if best.value <= bounds[count] * NEAR or tried > LOOKS:
                break
            found = self._choose(ends, stage, count, best.value)
            tried += found.selection is not None
            if found.value < best.value:
                best = found
            if self.effort.is_over():
                break
        return best

    def _bounds(self, key: Key) -> list[float]:
        """What the stage costs at least, for every number of recomputed units."""
        kinds, flight = key
        own = self.stagewise.own(float(flight))  # [mode, price, kind]
        paid = self.stagewise.prices * self.stagewise.capacity
        paid = np.where(np.isfinite(paid), paid, 0.0)
        sums = -paid
        deltas = []  # [price] each, one per free unit
        for kind, mode, number in kinds:
            sums = sums + number * own[AGAIN if mode == AGAIN else PLAIN, :, kind]
            if mode == EITHER:
                deltas += [own[AGAIN, :, kind] - own[PLAIN, :, kind]] * number
        if not deltas:
            return [float(sums.max())]
        ordered = np.sort(np.array(deltas), axis=0)
        steps = np.vstack([np.zeros(len(sums)), np.cumsum(ordered, axis=0)])
        return [float(x) for x in (sums + steps).max(axis=1)]

    def _borrowed(self, key: Key, bounds: list[float]) -> Pick:
        """What a stage of the same units chose that has more in flight: it fits here as well."""
        kinds, flight = key
        for more in range(flight + 1, self._flight(0) + 1):
            pick = self.picks.get((kinds, more))
            if pick is not None and pick.value <= min(bounds) * NEAR:
                return pick
        return Pick(math.inf, 0, None)

    def _choose(self, ends: list[int], stage: int, count: int, cutoff: float) -> Pick:
        counts = [0] * self.split.stages
        counts[stage] = count
        pattern = self._pattern(ends, counts)
        held = [self._flight(s) for s in range(self.split.stages)]
        terms = stage_terms(
            self.ready.problem, pattern, held, self.search.capacity, self.search.goal.soft_bytes
        )
        limits = self.effort.limits(STAGE_SHARE)
        choice = choose(
            self.ready.tables, only(terms, stage), cutoff, limits, self.search.aim(), prove=False
        )
        if choice.selection is None:
            return Pick(math.inf, count, None)
        return Pick(choice.value, count, choice.selection)


def only(terms: StageTerms, stage: int) -> StageTerms:
    """The rows of one stage."""
    stages = len(terms.memory)
    tails = len(terms.time) // stages
    rows = slice(tails * stage, tails * (stage + 1))
    here = slice(stage, stage + 1)
    return StageTerms(
        terms.time[rows],
        terms.memory[here],
        terms.held_time[rows],
        terms.held_memory[here],
        type(terms.counts)(terms.counts.units[here], terms.counts.again[here]),
        terms.capacity,
        terms.soft,
    )


def joined(
    folded: ShardingProblem, apart: ShardingProblem, pattern: Pattern, picks: list[Selection]
) -> Selection:
    """One selection of the problem whose classes end where stages do, from those of the stages."""
    stage_of = dict(zip((u.name for u in folded.spec.graph.units), pattern.chunk_of, strict=True))
    stages = [stage_of[c.units[0]] for c in apart.classes]
    strategies = []
    for node in apart.nodes:
        place = folded.node_of_tensor if node.kind != "operator" else folded.node_of_operator
        pick = picks[stages[node.unit_class]]
        strategies.append(pick.strategies[place[node.subject]])
    storage = []
    for store in apart.stores:
        pick = picks[stages[apart.nodes[store.node].unit_class]]
        storage.append(pick.storage[folded.store_of_parameter[store.parameter]])
    return Selection(tuple(strategies), tuple(storage))
