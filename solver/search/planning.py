"""Where plans come from before splits are searched: sketches, dealing, more chunks per stage."""

from __future__ import annotations

import math
import time
from dataclasses import replace
from typing import TYPE_CHECKING

from dsl.spec import SubAxis
from solver.search.chunked import divided, gain, with_words
from solver.search.goal import Found
from solver.search.split import SplitSearch

if TYPE_CHECKING:
    from solver.search.loop import Search

SKETCH_SHARE = 0.6  # of the time limit
FAR = 1.1  # neighbours of plans this much worse than the best are not sketched
SKETCH_SECONDS = 1.0  # per split, for its searches
SKETCHES = 12  # splits sketched when runs must repeat
DEAL_SECONDS = 2.0  # per split, for the choices of its stages
DEAL_SHARE = 0.12  # of the time limit, at most for one split
WORTH = 5e-4  # relative: a bound so near to the best plan leaves too little to deal for
AMONG = 1.02  # splits are dealt whose bound is at most so much above the least one refined
SURE = 1.3  # and at most so much above the least bound of all
FAR_BELOW = 0.8  # of the best plan: a bound that leaves enough to deal for in any case


def describe(search: SplitSearch) -> str:
    """A split in words."""
    stages, microbatches = search.split.stages, search.split.microbatches
    words = f"{stages} stage{'s' if stages > 1 else ''}"
    return f"{words} x {microbatches} micro-batch{'es' if microbatches > 1 else ''}"


class Planning:
    """Looks for first plans of a search, and for plans where bounds promise most."""

    def __init__(self, search: Search) -> None:
        self.search = search
        self.tried: set[tuple[tuple[SubAxis, ...], int]] = set()  # for more chunks

    def sketch(self) -> None:
        """First plans from coarse strategies: for every pipeline the likeliest micro-batch count,
        then the neighbours of the best plans, for a share of the time or a number of splits. One is
        enough where stages can be dealt."""
        done: dict[int, float] = {}  # number in self.search.all -> value of the sketch
        while not (self.search.stop.is_set() or self.search.is_over()):
            late = self.search.left() < (1 - SKETCH_SHARE) * self.search.options.time_limit_s
            enough = len(done) >= SKETCHES if self.search.options.reproducible else late
            if self.search.best and (enough or self.search.frame.stages_differ):
                return
            self.search.bounding.collect()
            near = FAR * self.search.cutoff if self.search.best else math.inf
            search = self.search.likely.next_sketch(self.search.all, done, self.search.cutoff, near)
            if search is None:
                return
            if not search.glanced:
                self.search.look_at(search)
                continue
            self.sketch_one(search)
            done[self.search.number[id(search)]] = search.estimate

    def sketch_one(self, search: SplitSearch) -> None:
        """A quick plan of one split."""
        self.search.tell("sketching " + describe(search))
        search.sketch(
            self.search.cutoff,
            replace(self.search.effort(), seconds=SKETCH_SECONDS),
            self.search.found,
        )

    def to_deal(self) -> SplitSearch | None:
        """A split worth a plan in which every stage makes its own choices: of those refined the one
        that promises most, if others are not likely to be better yet."""
        if not self.search.frame.stages_differ or self.search.minimizes_memory:
            return None
        expected = {id(s): max(s.bound, s.outlook) for s in self.search.open if s.refined}
        least = min(expected.values(), default=math.inf)
        worth = self.search.cutoff * (1 - WORTH)
        left = [
            s for s in self.search.open if s.refined and not s.dealt and expected[id(s)] < worth
        ]
        if not left:
            return None
        likeliest = min(left, key=lambda s: expected[id(s)])
        if all(s.refined for s in self.search.open) or not any(s.dealt for s in self.search.all):
            return likeliest  # a plan within reach makes all other bounds cheaper
        lowest = min((s.bound for s in self.search.open if s.glanced), default=0.0)
        near = max(min(AMONG * least, SURE * lowest), FAR_BELOW * self.search.cutoff)
        return likeliest if expected[id(likeliest)] <= near else None

    def deal(self, search: SplitSearch) -> None:
        """A plan of one split whose stages make their own choices, if its bound, raised as far as
        it goes, still promises most."""
        known, is_ready = search.bound, search.ready is not None
        if not (is_ready and search.tight):
            (search.tighten if is_ready else search.prepare)(
                self.search.cutoff, self.search.deadline()
            )
            search.refined = search.tight = True
            is_less = max(search.bound, search.outlook) > known * (1 + WORTH)
            if is_less and self.to_deal() is not search:
                search.forget()  # with its bound in full, another one is likelier
                return
        if search.closed or search.bound >= self.search.cutoff:
            return
        self.search.tell("dealing " + describe(search))
        most = time.monotonic() + max(DEAL_SECONDS, DEAL_SHARE * self.search.options.time_limit_s)
        effort = self.search.effort()
        effort = replace(effort, seconds=DEAL_SECONDS, deadline=min(effort.deadline, most))
        search.deal(self.search.cutoff, effort, self.search.found)
        if self.search.bounding.crew is not None:
            search.forget()  # tables of many splits are large

    def may_divide(self) -> bool:
        """Whether more chunks per stage are worth a try: they can save more of the best plan's ramp
        than what else is left to find."""
        if self.search.best is None or self.search.minimizes_memory or self.search.stop.is_set():
            return False
        split = self.search.best.plan.problem.split
        tried = (split.pipeline, split.microbatches) in self.tried
        return not tried and gain(self.search.spec, split) > self.search.gap()

    def divide(self) -> None:
        """Look for plans with more chunks per stage in the best plan's split. Where one is better,
        what was tried belongs to the space that the bound is for."""
        assert self.search.best is not None
        split = self.search.best.plan.problem.split
        self.tried.add((split.pipeline, split.microbatches))
        tried: list[SplitSearch] = []

        def keep(found: Found) -> None:
            if found.value < self.search.cutoff:
                self.search.closed_bound = min(self.search.closed_bound, *(s.bound for s in tried))
                self.search.found(with_words(found, tried))

        for search in divided(self.search.frame, split, self.search.goal):
            is_late = self.search.left() < SKETCH_SECONDS and not self.search.options.reproducible
            if self.search.stop.is_set() or is_late:
                break
            tried.append(search)
            self.search.tell(
                f"trying {search.spec.train.pipeline.chunks} chunks, {describe(search)}"
            )
            search.prepare(self.search.cutoff, self.search.deadline())
            if not search.closed and search.bound < self.search.cutoff:
                search.sketch(
                    self.search.cutoff, replace(self.search.effort(), seconds=SKETCH_SECONDS), keep
                )
            search.forget()
