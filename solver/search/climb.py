"""Good plans where stage maps are too many to try all: alternate, then improve by small moves.

A selection for a pattern (messages and CP-SAT), a pattern for that selection (CP-SAT), and so on
until nothing changes; then single units move to a neighbouring stage, or one layer more or less
is recomputed, as long as the schedule gets shorter.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from solver.search.effort import Effort
from solver.search.order import fits, quick
from solver.search.patterns import full_flight, starts
from solver.sharding.problem import Selection
from solver.stages.figures import figures
from solver.stages.model import StageModel, respects, unit_costs
from solver.stages.pattern import Pattern

if TYPE_CHECKING:
    from solver.search.ready import Ready
    from solver.search.split import Found, SplitSearch

ROUNDS = 3  # alternations from one start
MOVES = 400  # small moves looked at when runs must repeat


@dataclass(frozen=True, slots=True)
class Spot:
    """A selection with a pattern and the makespan of its constructive schedule plus penalties."""

    value: float
    selection: Selection
    pattern: Pattern


class Climb:
    """One climb within a split that is ready."""

    def __init__(self, search: SplitSearch, effort: Effort) -> None:
        assert search.ready is not None
        self.search, self.effort = search, effort
        self.ready: Ready = search.ready
        self.best: Spot | None = None

    def run(self, cutoff: float, keep: Callable[[Found], None]) -> None:
        """Climb; a plan below `cutoff` (or near it) goes to `keep`."""
        plenty = full_flight(self.ready)
        for held in dict.fromkeys([tuple(plenty), (1,) * len(plenty)]):
            for pattern in starts(self.ready, self.effort):
                self._alternate(pattern, list(held), cutoff)
                if self.effort.stop.is_set():
                    break
            if self.best is not None:
                break
        if self.best is None:
            return
        self._improve()
        if self.best.value < cutoff * 1.1:
            self.search.schedule(self.best.selection, self.best.pattern, self.effort, 0.3, keep)

    def _note(self, selection: Selection, pattern: Pattern) -> float:
        value = self._quick(selection, pattern)
        if value < (self.best.value if self.best else math.inf):
            self.best = Spot(value, selection, pattern)
        return value

    def _quick(self, selection: Selection, pattern: Pattern) -> float:
        f = figures(self.ready.problem, selection, pattern)
        if not fits(f, self.search.capacity):
            return math.inf
        split, train = self.search.split, self.search.spec.train
        time_ = quick(f, split.microbatches, self.search.capacity, train.pipeline.family)
        return time_ + self.search.unit_penalty(pattern) + self.search.penalty(selection)

    def _alternate(self, pattern: Pattern, held: list[int], cutoff: float) -> None:
        seen: list[Pattern] = []
        while pattern not in seen and len(seen) < ROUNDS and not self.effort.stop.is_set():
            seen.append(pattern)
            choice = self.search.choose(pattern, held, cutoff * 1.2, self.effort.limits(0.1))
            selection = choice.selection
            if selection is not None:
                self._note(selection, pattern)
            else:
                selection = self._careless(pattern, held)
            if selection is None:
                return
            improved = self._stage_map(selection, held)
            if improved is None:
                return
            self._note(selection, improved)
            pattern = improved

    def _careless(self, pattern: Pattern, held: list[int]) -> Selection | None:
        """A selection that may not fit this pattern: another stage map may still save it."""
        chooser = self.ready.chooser
        terms = self.search.terms(pattern, held, math.inf)
        quick_chooser = replace(chooser, exact=False)
        choice = quick_chooser.choose(terms, pattern, held, math.inf, self.effort.limits(0.1))
        return choice.selection

    def _stage_map(self, selection: Selection, held: list[int]) -> Pattern | None:
        mode = self.search.spec.train.recompute
        if len(held) == 1 and mode != "auto":
            return None
        model = StageModel(
            self.ready.problem,
            unit_costs(self.ready.problem, selection),
            held,
            self.search.capacity,
            self.ready.pins,
            may_recompute=mode == "auto",
            must_recompute=mode == "full",
        )
        return model.solve(self.effort.limits(0.1))

    # ---- small moves -----------------------------------------------------------------------

    def _improve(self) -> None:
        began, looked = time.monotonic(), 0
        improved = True
        while improved:
            improved = False
            assert self.best is not None
            here = self.best
            for pattern in self._neighbours(here.pattern):
                late = time.monotonic() - began > 0.2 * self.effort.seconds
                if self.effort.stop.is_set() or (
                    looked >= MOVES if self.effort.deterministic else late
                ):
                    return
                looked += 1
                if self._note(here.selection, pattern) < here.value * (1 - 1e-9):
                    improved = True
                    break

    def _neighbours(self, pattern: Pattern) -> Iterator[Pattern]:
        """One unit to the stage before or after; one layer more or less recomputed."""
        edges = sorted({(x.source_unit, x.target_unit) for x in self.ready.problem.sends})
        candidates = []
        for u, stage in enumerate(pattern.stage_of):
            for other in (stage - 1, stage + 1):
                moved = (*pattern.stage_of[:u], other, *pattern.stage_of[u + 1 :])
                full = 0 <= other < pattern.stages and len(set(moved)) == pattern.stages
                if full and all(moved[s] <= moved[t] for s, t in edges):
                    candidates.append(replace(pattern, stage_of=moved))
        if self.search.spec.train.recompute == "auto":
            candidates += self._recompute_neighbours(pattern)
        for candidate in candidates:
            if respects(self.ready.pins, candidate):
                yield candidate

    def _recompute_neighbours(self, pattern: Pattern) -> Iterator[Pattern]:
        layers = self.ready.layers()
        for stage in range(pattern.stages):
            there = [u for u, s in enumerate(pattern.stage_of) if s == stage and layers[u]]
            on = [u for u in there if pattern.again[u]]
            off = [u for u in there if not pattern.again[u]]
            for u in on[-1:] + off[:1]:
                flipped = (*pattern.again[:u], not pattern.again[u], *pattern.again[u + 1 :])
                yield replace(pattern, again=flipped)
