"""Bounds for many micro-batch counts at once, halved where they are not enough.

A batch that divides in many ways makes many splits, most of them far from the best one. Of all
counts from m to M of one pipeline it is known that

- what is legal is legal with one of them;
- the work of all micro-batches, `m t`, is least with m: operations and messages of activations
  cost the same in all, launches, latencies and parameters once for each micro-batch;
- a micro-batch takes, and keeps, at least m / M of what it does with m.

So one problem, with m and these shares, bounds them all (`Split.counts`). What is high enough is
done; the rest is halved until single counts are left.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from dsl.spec import Spec
from solver.search.order_pins import hard_orders
from solver.search.split import SplitSearch

MANY = 60  # splits: fewer are looked at one by one


def joint(searches: Sequence[SplitSearch]) -> SplitSearch:
    """The search that bounds all of these, of one pipeline."""
    counts = tuple(sorted(s.split.microbatches for s in searches))
    first = searches[0]
    split = replace(first.split, microbatches=counts[0], counts=counts)
    return SplitSearch(first.frame, split, first.goal)


def apply_to(spec: Spec, count: int) -> bool:
    """Whether so many splits of a spec are bounded by ranges: step times, without an order that
    some counts have and others do not."""
    free = spec.train.pipeline.family is None and not hard_orders(spec.pins)
    return free and spec.objective[0] != "memory" and count > MANY


@dataclass
class Ranges:
    """Ranges that wait, each with the bound that is known of its splits (0: not looked at yet) and
    the numbers of its searches by count."""

    searches: Sequence[SplitSearch] = ()
    waiting: list[tuple[float, tuple[int, ...]]] = field(default_factory=list)

    def begin(self, searches: Sequence[SplitSearch]) -> None:
        """Every pipeline's counts are a range."""
        self.searches = searches
        found: dict[tuple[str, ...], list[int]] = {}
        for number, search in enumerate(searches):
            found.setdefault(tuple(p.name for p in search.split.pipeline), []).append(number)
        self.waiting = [(0.0, tuple(sorted(n, key=self._count))) for n in found.values()]

    @property
    def is_new(self) -> bool:
        """Whether some range was not looked at."""
        return any(bound == 0.0 for bound, _ in self.waiting)

    def take(self) -> tuple[int, ...]:
        """The range of least bound."""
        least = min(self.waiting)
        self.waiting.remove(least)
        return least[1]

    def learn(self, numbers: Sequence[int], bound: float, enough: float) -> None:
        """Go on with a range whose bound is to be raised: as it is, if the bound is `enough` for
        now, else with its halves, by the geometric mean of its counts."""
        if bound >= enough:
            self.waiting.append((bound, tuple(numbers)))
            return
        middle = math.sqrt(self._count(numbers[0]) * self._count(numbers[-1]))
        below = [n for n in numbers if self._count(n) <= middle]
        for half in (below, numbers[len(below) :]):
            if len(half) > 1:
                self.waiting.append((bound, tuple(half)))

    def _count(self, number: int) -> int:
        return self.searches[number].split.microbatches
