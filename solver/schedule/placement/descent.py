"""Local search over maps, judged by the quick constructive schedule of each.

From every start, best first: moves of a unit to another device, exchanges of two units, and
exchanges of two devices are tried in random order, and the first that is better is taken, until
none is. Maps that are one by symmetry are judged once; a map whose fullest device has as much to do
as the best schedule takes is not judged at all.
"""

from __future__ import annotations

import math
import random
import threading
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from solver.schedule.budget import Budget
from solver.schedule.placement.bounds import shared_work
from solver.schedule.placement.maps import Layout, least_price, overflow, relaxed
from solver.schedule.placement.symmetry import canonical, classes
from solver.schedule.starts import estimate

Score = tuple[float, float]
"""Estimated value, then bytes that do not fit."""
Moves = tuple[tuple[int, int], ...]
"""Units and the devices they go to."""


@dataclass(frozen=True, slots=True)
class Judged:
    """A map of units with its score."""

    partial: dict[int, int]
    score: Score


def descend(
    plan: Layout,
    starts: Iterable[dict[int, int]],
    seed: int,
    budget: Budget,
    stop: threading.Event,
) -> list[Judged]:
    """Every map that was judged, best first. All starts are, even where there is no time left."""
    search = _Descent(plan, budget, stop)
    begins = sorted((search.judge(start) for start in starts), key=lambda one: one.score)
    chance = random.Random(seed)
    for begin in begins:
        search.improve(begin, chance)
    return sorted(search.seen.values(), key=lambda one: one.score)


class _Descent:
    def __init__(self, plan: Layout, budget: Budget, stop: threading.Event) -> None:
        self.plan = plan
        self.alike = classes(plan)
        self.budget = budget
        self.stop = stop
        self.seen: dict[tuple[int, ...], Judged] = {}

    def judge(self, partial: dict[int, int]) -> Judged:
        """The score of a map, computed once."""
        kept = canonical(self.plan, self.alike, partial)
        key = tuple(kept[u] for u in range(len(kept)))
        if key not in self.seen:
            beyond = overflow(self.plan, kept)
            value = math.inf
            if beyond == 0.0:
                self.budget.charge(0.0)
                value = estimate(relaxed(self.plan, kept)) + least_price(self.plan, kept)
            self.seen[key] = Judged(kept, (value, beyond))
        return self.seen[key]

    def improve(self, begin: Judged, chance: random.Random) -> None:
        """First improvement from `begin` until no neighbour is better or time is over."""
        current, found = begin, True
        while found:
            found = False
            moves = list(_moves(self.plan, current.partial))
            chance.shuffle(moves)
            for move in moves:
                if self.stop.is_set() or self.budget.left() <= 0.0:
                    return
                neighbour = current.partial | dict(move)
                if self._is_hopeless(neighbour, current.score):
                    continue
                judged = self.judge(neighbour)
                if judged.score < current.score:
                    current, found = judged, True
                    break

    def _is_hopeless(self, partial: dict[int, int], score: Score) -> bool:
        least = shared_work(self.plan, partial) + least_price(self.plan, partial)
        return least >= score[0]


def _moves(plan: Layout, partial: dict[int, int]) -> Iterator[Moves]:
    """All neighbours of a map that keep to the devices allowed."""
    count, devices = len(plan.units), range(plan.problem.devices)
    for unit in range(count):
        yield from (((unit, d),) for d in plan.choices[unit] if d != partial[unit])
    for one in range(count):
        for other in range(one + 1, count):
            if partial[one] != partial[other]:
                yield from _if_allowed(plan, ((one, partial[other]), (other, partial[one])))
    for d in devices:
        for e in devices[d + 1 :]:
            other_of = {d: e, e: d}
            exchanged = ((u, other_of[at]) for u, at in partial.items() if at in other_of)
            yield from _if_allowed(plan, tuple(exchanged))


def _if_allowed(plan: Layout, move: Moves) -> Iterator[Moves]:
    if move and all(device in plan.choices[unit] for unit, device in move):
        yield move
