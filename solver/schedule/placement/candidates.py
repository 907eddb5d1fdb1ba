"""Schedules for the most promising maps: rounds in which ever fewer maps get ever more time.

In each round the maps with the best values (estimates, where there is no schedule yet) are searched
by `solver.schedule.solve`, from the schedules they have. A map ends when its own bound closes the
best value of all; the next in line takes what is left of its time.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from solver.schedule.budget import Budget
from solver.schedule.cpsat import Effort
from solver.schedule.placement.bounds import partial_bound
from solver.schedule.placement.descent import Judged
from solver.schedule.placement.incumbent import Incumbent
from solver.schedule.placement.maps import Layout, Partial, least_price, relaxed
from solver.schedule.problem import Schedule
from solver.schedule.solve import solve

ROUNDS = (4, 2, 1)
"""How many maps get a schedule in each round; all rounds are equally long."""


def search_candidates(
    plan: Layout,
    incumbent: Incumbent,
    judged: Sequence[Judged],
    floor: float,
    effort: Effort,
    budget: Budget,
) -> dict[tuple[int, ...], float]:
    """Improve `incumbent` with schedules for maps of `judged`, best first, until the time is over,
    it meets `floor`, or no map is open. The first map gets a schedule even without time.

    Returns the bounds of the maps that were searched, by the devices of their units.
    """
    field = [_Candidate(plan, one) for one in judged if one.score[1] == 0.0]
    known: dict[tuple[int, ...], float] = {}

    def is_over() -> bool:
        return incumbent.closes(floor) or effort.stop.is_set() or budget.left() <= 0.0

    for number, width in enumerate(ROUNDS):
        share = budget.part(1.0 / (len(ROUNDS) - number))
        turn, line = 0, sorted(field, key=lambda one: one.value)
        for candidate in line:
            if (turn or number) and (is_over() or share.left() <= 0.0):
                break
            if incumbent.closes(candidate.least):
                field.remove(candidate)
                continue
            seconds = max(0.0, share.left()) / max(1, width - turn)
            candidate.search(incumbent, replace(effort, seconds=seconds))
            budget.charge(seconds)
            share.charge(seconds)
            turn += 1
            known[candidate.places] = candidate.least
    return known


class _Candidate:
    """A map with the best schedule and bound that are known for it."""

    def __init__(self, plan: Layout, judged: Judged) -> None:
        self._plan = plan
        self._partial: Partial = judged.partial
        self._schedule: Schedule | None = None
        self._least = -math.inf
        self.places = tuple(judged.partial[u] for u in range(len(plan.units)))
        self.value = judged.score[0]

    @property
    def least(self) -> float:
        """A bound on its value, with the price of place pins."""
        if self._least == -math.inf:
            self._least = partial_bound(self._plan, self._partial)
        return self._least

    def search(self, incumbent: Incumbent, effort: Effort) -> None:
        """Improve its schedule; offer each better one."""

        def offer(schedule: Schedule) -> None:
            incumbent.offer(self._partial, schedule)

        result = solve(
            relaxed(self._plan, self._partial),
            effort.seconds,
            effort.workers,
            effort.seed,
            offer,
            effort.deterministic,
            effort.stop,
            () if self._schedule is None else self._schedule.actions,
        )
        price = least_price(self._plan, self._partial)
        self._least = max(self.least, result.bound + price)
        self._schedule = result.schedule
        if result.schedule is not None:
            self.value = result.schedule.value + price
            offer(result.schedule)
