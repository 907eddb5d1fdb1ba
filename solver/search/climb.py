"""Good plans where stage maps are too many to try all: alternate, then improve by small moves.

A selection for a pattern (messages and CP-SAT), a pattern for that selection (CP-SAT), and so on
until nothing changes; then single units move to a neighbouring stage, or one layer more or less
is recomputed, as long as the schedule gets shorter.
"""

from __future__ import annotations

import itertools
import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from solver.cost.collectives import Floats
from solver.search.choose import choose
from solver.search.effort import Effort
from solver.search.order import fits, quick
from solver.search.patterns import fewest_flight, full_flight, is_monotone, starts
from solver.search.scheduling import schedule
from solver.sharding.problem import Selection
from solver.stages.figures import figures
from solver.stages.model import StageModel, respects, unit_costs
from solver.stages.pattern import Pattern
from solver.stages.placement import placement

if TYPE_CHECKING:
    from solver.search.goal import Found
    from solver.search.ready import Ready
    from solver.search.split import SplitSearch

LEAST_GAIN = 1e-4  # relative: less is not worth choosing anew
CLOSED = 1e-9  # relative: a value so near to the bound is the best
ROUNDS = 3  # alternations from one start
MOVES_PER_SECOND = 100  # small moves that count as a second when runs must repeat


@dataclass(frozen=True, slots=True)
class Spot:
    """A selection with a pattern and the makespan of its constructive schedule plus penalties."""

    value: float
    selection: Selection
    pattern: Pattern


class Climb:
    """One climb within a split that is ready; a `thorough` one also chooses selections anew for
    every small move."""

    def __init__(self, search: SplitSearch, effort: Effort, thorough: bool) -> None:
        assert search.ready is not None
        self.search, self.effort, self.thorough = search, effort, thorough
        self.ready: Ready = search.ready
        self.best: Spot | None = None
        self.plenty = full_flight(self.ready)
        self.ceiling = search.capacity  # bytes that stage maps stay within

    def run(self, cutoff: float, keep: Callable[[Found], None]) -> float:
        """Climb; a plan below `cutoff` (or near it) goes to `keep`. The best value seen."""
        first: Pattern | None = None
        for ceiling in self.search.goal.ceilings(0.0):
            self.ceiling = ceiling
            first = self._start(cutoff) or first
        self.ceiling = self.search.capacity
        if self.best is None or first is None:
            return math.inf
        self._settle(first, cutoff)
        if self.best.value < cutoff * 1.1:
            schedule(self.search, self.best.selection, self.best.pattern, self.effort, 0.3, keep)
        return self.best.value

    def polish(
        self,
        selection: Selection,
        pattern: Pattern,
        cutoff: float,
        keep: Callable[[Found], None],
    ) -> float:
        """Improve a given plan by small moves; as `run`."""
        is_kept = respects(self.ready.pins, pattern)
        fits_not = not is_kept or math.isinf(self._note(selection, pattern))
        if fits_not and self.ready.recompute_mode() == "auto":
            fitted = Refit(self.ready, selection, self.search.rooms).pattern(pattern.chunk_of)
            if respects(self.ready.pins, fitted):
                self._note(selection, fitted)
        if self.best is None:
            return math.inf
        self._improve()
        if self.best.value < cutoff * 1.1:
            schedule(self.search, self.best.selection, self.best.pattern, self.effort, 0.3, keep)
        return self.best.value

    def _start(self, cutoff: float) -> Pattern | None:
        """Alternate from every start, with as much in flight as helps, or else as little as can be;
        the first start is returned."""
        first: Pattern | None = None
        for held in dict.fromkeys([tuple(self.plenty), tuple(fewest_flight(self.ready))]):
            for pattern in starts(self.ready, self.effort):
                self._alternate(pattern, list(held), cutoff)
                first = first or pattern
                if self._is_over():
                    break
            if self.best is not None:
                break
        return first

    def _settle(self, first: Pattern, cutoff: float) -> None:
        """Small moves with the selection kept, then with one chosen anew, while that helps."""
        assert self.best is not None
        if self._is_over():
            return
        self._improve()
        bases = dict.fromkeys([first, self.best.pattern])
        while self.thorough and not self.effort.is_over() and self._rechoose(list(bases)):
            self._alternate(self.best.pattern, self.plenty, cutoff)
            self._improve()
            bases = {self.best.pattern: None}

    def _is_over(self) -> bool:
        """Whether there is no time, or nothing better."""
        value = self.best.value if self.best else math.inf
        return value <= self.search.bound * (1 + CLOSED) or self.effort.is_over()

    def _rooms(self) -> Floats:
        """Bytes that the stage maps looked for stay within, per stage."""
        return np.minimum(self.ceiling, self.search.rooms)

    def _note(self, selection: Selection, pattern: Pattern) -> float:
        value = self._quick(selection, pattern)
        if value < (self.best.value if self.best else math.inf):
            self.best = Spot(value, selection, pattern)
        return value

    def _quick(self, selection: Selection, pattern: Pattern) -> float:
        f = figures(self.ready.problem, selection, pattern)
        if not fits(f, self.search.rooms):
            return math.inf
        family = self.search.spec.train.pipeline.family
        goal, fixed = self.search.goal, f.static + f.buffers
        usual = float((fixed + f.on_stages(np.array(self.plenty) * f.saved)).max())
        value = math.inf
        for ceiling in goal.ceilings(float((fixed + f.least_saved).max())):
            pins = self.search.order_pins(f)
            room = np.minimum(ceiling, self.search.rooms)
            step = quick(f, self.search.split.microbatches, room, family, pins)
            value = min(value, step + goal.charge(min(usual, ceiling), step))
        return value + self.search.unit_penalty(pattern) + self.search.penalty(selection)

    def _alternate(self, pattern: Pattern, held: list[int], cutoff: float) -> None:
        seen: list[Pattern] = []
        while pattern not in seen and len(seen) < ROUNDS and not self.effort.is_over():
            seen.append(pattern)
            limits = self.effort.limits(0.1)
            choice = self.search.choose(pattern, held, cutoff * 1.2, limits, prove=False)
            selection = choice.selection
            if selection is not None:
                self._note(selection, pattern)
                if self._is_over():
                    return
            else:
                selection = self._careless(pattern, held)
            if selection is None:
                return
            if self.ready.recompute_mode() == "auto":
                fitted = Refit(self.ready, selection, self._rooms()).pattern(pattern.chunk_of)
                if respects(self.ready.pins, fitted):
                    self._note(selection, fitted)
            improved = self._stage_map(selection, held)
            if improved is None:
                return
            self._note(selection, improved)
            pattern = improved

    def _careless(self, pattern: Pattern, held: list[int]) -> Selection | None:
        """A selection that may not fit this pattern: another stage map may still save it."""
        terms = self.search.terms(pattern, held, math.inf)
        limits = self.effort.limits(0.1)
        return choose(self.ready.tables, terms, math.inf, limits, prove=False).selection

    def _stage_map(self, selection: Selection, held: list[int]) -> Pattern | None:
        mode = self.ready.recompute_mode()
        if len(held) == 1 and mode != "auto":
            return None
        model = StageModel(
            self.ready.problem,
            unit_costs(self.ready.problem, selection),
            held,
            self._rooms(),
            self.ready.pins,
            may_recompute=mode == "auto",
            must_recompute=mode == "full",
        )
        return model.solve(self.effort.limits(0.1))

    # ---- small moves -----------------------------------------------------------------------

    def _improve(self) -> None:
        """Move one unit from a chunk to another (those between shift along), with no more
        recomputation than memory asks for; keep what shortens the schedule."""
        assert self.best is not None
        refit = Refit(self.ready, self.best.selection, self._rooms())
        patience = Patience(self.effort, 0.25)
        improved = True
        while improved:
            improved = False
            for source, target in itertools.permutations(range(self.best.pattern.chunks), 2):
                for pattern in self._moved(self.best.pattern, source, target, refit):
                    if patience.is_over():
                        return
                    before = self.best.value
                    improved |= self._note(self.best.selection, pattern) < before * (1 - 1e-9)

    def _rechoose(self, bases: Sequence[Pattern]) -> bool:
        """Move one unit to another chunk and choose the selection for it; whether that helped."""
        assert self.best is not None
        patience = Patience(self.effort, 0.5)
        start = self.best
        refit = Refit(self.ready, start.selection, self._rooms())
        moves = itertools.permutations(range(start.pattern.chunks), 2)
        for (source, target), base in itertools.product(moves, bases):
            for pattern in self._moved(base, source, target, refit):
                if patience.is_over():
                    return False
                limits = self.effort.limits(0.05)
                most = self.best.value
                choice = self.search.choose(pattern, self.plenty, most, limits, prove=False)
                if choice.selection is not None:
                    self._note(choice.selection, pattern)
        return self.best.value < start.value * (1 - LEAST_GAIN)

    def _moved(self, pattern: Pattern, source: int, target: int, refit: Refit) -> Iterator[Pattern]:
        chunk_of = shifted(pattern.chunk_of, source, target)
        if chunk_of is None or not is_monotone(self.ready, chunk_of):
            return
        candidates = [replace(pattern, chunk_of=chunk_of)]
        if self.ready.recompute_mode() == "auto":
            candidates.append(refit.pattern(chunk_of))
        for candidate in dict.fromkeys(candidates):
            if respects(self.ready.pins, candidate):
                yield candidate


@dataclass
class Patience:
    """Ends a local search: after a share of the time, or a count when runs must repeat."""

    effort: Effort
    share: float

    def __post_init__(self) -> None:
        self.began, self.looked = time.monotonic(), 0

    def is_over(self) -> bool:
        """Count one more look; whether to stop."""
        self.looked += 1
        if self.effort.is_over():
            return True
        if self.effort.deterministic:
            return self.looked > MOVES_PER_SECOND * self.effort.seconds
        return time.monotonic() - self.began > self.share * self.effort.seconds


def shifted(chunk_of: tuple[int, ...], source: int, target: int) -> tuple[int, ...] | None:
    """One unit fewer in chunk `source`, one more in `target`: the units on the borders between them
    move by one chunk. None when a chunk would be left empty."""
    order = sorted(range(len(chunk_of)), key=lambda u: (chunk_of[u], u))
    sizes = [chunk_of.count(c) for c in range(max(chunk_of) + 1)]
    if sizes[source] < 2:
        return None
    sizes[source] -= 1
    sizes[target] += 1
    result = [0] * len(chunk_of)
    units = iter(order)
    for chunk, size in enumerate(sizes):
        for _ in range(size):
            result[next(units)] = chunk
    return tuple(result)


class Refit:
    """The least recomputation with which a stage map fits, with as many micro-batches in flight as
    hide every dependency."""

    def __init__(self, ready: Ready, selection: Selection, capacity: Floats) -> None:
        self.costs = unit_costs(ready.problem, selection)
        self.held, self.capacity = full_flight(ready), capacity
        split = ready.problem.split
        self.placement = placement(ready.problem.spec.train.pipeline, split.stages)
        self.layers, self.wishes = ready.layers(), ready.recompute_wishes()

    def pattern(self, chunk_of: tuple[int, ...]) -> Pattern:
        """The stage map, with the first layers of each stage recomputed until it fits."""
        again = [self.wishes.get(u, False) for u in range(len(chunk_of))]
        held = [self.held[c] for c in chunk_of]
        for stage in range(max(self.placement) + 1):
            units = [u for u, c in enumerate(chunk_of) if self.placement[c] == stage]
            for u in units:
                if self._bytes(units, again, held) <= self.capacity[stage]:
                    break
                if self.layers[u] and u not in self.wishes:
                    again[u] = True
        return Pattern(self.placement, chunk_of, tuple(again))

    def _bytes(self, units: list[int], again: list[bool], held: list[int]) -> float:
        c = self.costs
        kept = sum(held[u] * float(c.kept[u] if again[u] else c.saved[u]) for u in units)
        rebuilt = max((float(c.rebuilt[u]) for u in units if again[u]), default=0.0)
        static = float(c.static[units].sum())
        return static + kept + float(c.buffers[units].max()) + rebuilt
