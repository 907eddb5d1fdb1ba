"""Bounds of all splits: first looks, other processes, ranges of micro-batch counts."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from solver.search.crew import BATCH, Bounded, Crew, Step, bound_range
from solver.search.ranges import Ranges, apply_to
from solver.search.split import SplitSearch

if TYPE_CHECKING:
    from solver.search.loop import Search

GLANCE_SHARE = 0.3  # of the time limit
OWN_SECONDS = 0.5  # for first looks here, while the crew comes up
NEARLY, FAR_UP = 0.95, 1.3  # bounds high enough at first: of the best plan, of the least bound
FIRST_LOOKS = 24  # splits looked at before those that are bounded by ranges
RANGE_ENOUGH = 0.92  # of the best plan: bounds of ranges that are not raised further
RANGE_UP = 1.3  # of the least bound of all: how far a range is raised at once


class Bounding:
    """Which bounds of a search are raised next, here or by its `crew`."""

    def __init__(self, search: Search) -> None:
        self.search = search
        self.crew: Crew | None = None
        self.ranges = Ranges()
        self.turn = False

    def collect(self, seconds: float = 0.0) -> None:
        """Hear what other processes found, and give them more to do."""
        if self.crew is None:
            return
        for each in self.crew.heard(seconds):
            self._learn(each)
        while self.crew.has_room and (found := self._next_range()) is not None:
            self.crew.ask(
                "range", found[0], self.search.cutoff, found[1], max(0.0, self.search.left())
            )
        busy = self.crew.busy_with()
        waiting = [s for s in self.search.open if self.search.number[id(s)] not in busy]
        while self.crew.has_room and waiting:
            step: Step = "prepare"
            chosen = self.next_refined(waiting)
            if not chosen:
                step, chosen = "tighten", self._next_tight(waiting)
            if not chosen:
                return
            self._ask(step, chosen)
            waiting = [s for s in waiting if s not in chosen]

    def _learn(self, bounded: Bounded) -> None:
        """Bounds that were found in another process, or of a range."""
        for number in bounded.numbers:
            search = self.search.all[number]
            if search.closed or search not in self.search.open:
                continue
            search.glanced = True
            search.ranged |= bounded.step == "range"
            search.refined |= bounded.step in ("prepare", "tighten")
            search.tight |= bounded.step == "tighten"
            search.bound = max(search.bound, bounded.bound)
            search.outlook = max(search.outlook, bounded.outlook)
            if bounded.closed:
                search.close(search.bound)
            self.search.drop_if_done(search)
        if bounded.step == "range" and bounded.bound < RANGE_ENOUGH * self.search.cutoff:
            self.ranges.learn(bounded.numbers, bounded.bound, bounded.enough)

    def _next_range(self) -> tuple[tuple[int, ...], float] | None:
        """The range of least bound that matters, and how far to raise that for now: to what the
        best plan needs, but not far above the least bound of all; at first as far as is quick."""
        while self.ranges.waiting:
            numbers = self.ranges.take()
            if any(self.search.all[n] in self.search.open for n in numbers):
                least = min((s.bound for s in self.search.open), default=0.0)
                return numbers, min(RANGE_ENOUGH * self.search.cutoff, RANGE_UP * least)
        return None

    def bound_range(self) -> None:
        """Bound a range here."""
        found = self._next_range()
        if found is None:
            return
        numbers, enough = found
        searches = [self.search.all[n] for n in numbers]
        self.search.tell(f"bounding {searches[0].split.stages} stages together")
        for each in bound_range(
            searches, numbers, self.search.cutoff, enough, self.search.deadline()
        ):
            self._learn(each)

    def _ask(self, step: Step, searches: Sequence[SplitSearch]) -> None:
        assert self.crew is not None
        numbers = [self.search.number[id(s)] for s in searches]
        enough = self.enough() if step == "prepare" else math.inf
        self.crew.ask(step, numbers, self.search.cutoff, enough, max(0.0, self.search.left()))

    def enough(self) -> float:
        """A bound that at first need not be raised further: near the best plan, or so far above the
        least bound of all that others come first."""
        least = min((s.bound for s in self.search.open if s.glanced), default=math.inf)
        if self.ranges.searches:
            return NEARLY * self.search.cutoff  # ranges see to it that others come first
        return min(NEARLY * self.search.cutoff, FAR_UP * least)

    def next_refined(self, waiting: Sequence[SplitSearch]) -> list[SplitSearch]:
        """In turn the split of least bound, which holds the bound of all down, and a likely one,
        whose bound tells where to look for plans. The latter alone at first: with a good plan at
        hand bounds are sooner high enough."""
        rough = [s for s in waiting if s.glanced and not s.refined and s.ready is None]
        self.turn = not self.turn or not any(s.dealt for s in self.search.all)
        key = self.search.likely.soon if self.turn else (lambda s: (s.bound, 0.0))
        return sorted(rough, key=key)[:1]

    def _next_tight(self, waiting: Sequence[SplitSearch]) -> list[SplitSearch]:
        """The split that holds the bound of all down, when all have been refined."""
        if not all(s.refined for s in self.search.open):
            return []
        loose = [s for s in waiting if not s.tight]
        return sorted(loose, key=lambda s: s.bound)[:1]

    def is_busy(self, search: SplitSearch) -> bool:
        """Whether another process looks at a split."""
        return self.crew is not None and self.search.number[id(search)] in self.crew.busy_with()

    def glance(self) -> None:
        """A quick bound for every split, the likeliest first; where splits are many the others wait
        until there are plans, or are looked at by the crew, together where they are very many."""
        self.search.tell("bounding")
        begin = time.monotonic()
        if self.crew is not None and apply_to(self.search.spec, len(self.search.all)):
            self.ranges.begin(self.search.all)
        for number, search in enumerate(self.search.open):
            if self.ranges.waiting and number >= FIRST_LOOKS:
                break
            is_long = self.crew is not None and time.monotonic() - begin > OWN_SECONDS
            if is_long and not self.ranges.waiting:
                for first in range(number, len(self.search.open), BATCH):
                    self._ask("glance", self.search.open[first : first + BATCH])
                break
            late = self.search.left() < (1 - GLANCE_SHARE) * self.search.options.time_limit_s
            if self.search.stop.is_set() or (late and not self.search.options.reproducible):
                break
            self.search.look_at(search)
        self.search.open = [s for s in self.search.open if not s.closed]
        self.collect()
