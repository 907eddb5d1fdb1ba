"""All maps, by best-first search over partial ones.

A node is a partial map with a bound on all maps that complete it; units are placed in order, and
of maps that are one by symmetry only one is visited (`symmetry`). A node whose bound closes the
best value is dropped. At a complete map CP-SAT is first asked for a schedule better than the best
one only: "there is none" ends most maps in a fraction of a second. Where that takes too long the
map comes back later, with four times the time, for its own optimum: the complete hint made that
steadier (6 chunks, 3 devices, 4 micro-batches: 0.7 to 6 s per map, against 0.03 to over 20 s). The
least bound of all that is left holds for the whole problem.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

from solver.schedule.bounds import bound_operators
from solver.schedule.budget import Budget
from solver.schedule.cpsat import Effort, solve_order
from solver.schedule.heads import margins
from solver.schedule.neighbourhood import whole
from solver.schedule.operators import Operators, Order, lower
from solver.schedule.placement.bounds import partial_bound
from solver.schedule.placement.incumbent import Incumbent
from solver.schedule.placement.maps import Layout, Partial, least_price, relaxed
from solver.schedule.placement.symmetry import classes, next_devices
from solver.schedule.problem import PROOF_TOLERANCE, ScheduleProblem
from solver.schedule.solve import solve
from solver.schedule.starts import best_start, timed
from solver.schedule.ticks import in_ticks

FIRST_SLICE = 0.5
"""Seconds for a complete map when it is met first."""
LONGER = 4.0
"""How many times longer it gets each time it comes back."""


@dataclass(frozen=True, slots=True, order=True)
class _Node:
    """Sorted by how often it was tried, then by bound, then the deepest, then as met."""

    tried: int
    bound: float
    unplaced: int
    number: int
    places: tuple[int, ...]


def search_all(
    plan: Layout,
    incumbent: Incumbent,
    known: Mapping[tuple[int, ...], float],
    floor: float,
    effort: Effort,
    budget: Budget,
) -> float:
    """Improve `incumbent` and return a bound on the value of all maps, at least `floor`; infinite
    when no map has a schedule. `known` are bounds of maps of units, one of each symmetry."""
    return _Tree(plan, incumbent, known, effort, budget).run(floor)


class _Tree:
    def __init__(
        self,
        plan: Layout,
        incumbent: Incumbent,
        known: Mapping[tuple[int, ...], float],
        effort: Effort,
        budget: Budget,
    ) -> None:
        self.plan = plan
        self.known = known
        self.incumbent = incumbent
        self.effort = effort
        self.budget = budget
        self.alike = classes(plan)
        self.dropped = math.inf  # the least bound of what was closed by the best value
        self.number = 0
        self.open: list[_Node] = []

    def run(self, floor: float) -> float:
        self._push(0, floor, ())
        while self.open and not self._is_over():
            node = heapq.heappop(self.open)
            if self.incumbent.closes(node.bound):
                self.dropped = min(self.dropped, node.bound)
            elif node.unplaced:
                self._expand(node)
            else:
                bound = self._decide(node)
                self._push(node.tried + 1, max(bound, node.bound), node.places)
        return min([self.dropped, *(node.bound for node in self.open)])

    def _is_over(self) -> bool:
        return self.effort.stop.is_set() or self.budget.left() <= 0.0

    def _push(self, tried: int, least: float, places: tuple[int, ...]) -> None:
        bound = max(least, self.known.get(places, -math.inf))
        if math.isinf(bound):
            return
        if self.incumbent.closes(bound):
            self.dropped = min(self.dropped, bound)
            return
        self.number += 1
        unplaced = len(self.plan.units) - len(places)
        heapq.heappush(self.open, _Node(tried, bound, unplaced, self.number, places))

    def _expand(self, node: _Node) -> None:
        """Put every child in, or `node` back when time is over."""
        partial, unit = dict(enumerate(node.places)), len(node.places)
        best = self.incumbent.best
        enough = math.inf if best is None else best.value
        children: list[tuple[float, tuple[int, ...]]] = []
        for device in next_devices(self.plan, self.alike, partial, unit):
            if self._is_over():
                heapq.heappush(self.open, node)
                return
            self.budget.charge(0.0)
            bound = partial_bound(self.plan, {**partial, unit: device}, enough)
            children.append((max(bound, node.bound), (*node.places, device)))
        for bound, places in children:
            self._push(0, bound, places)

    def _decide(self, node: _Node) -> float:
        """A bound on the value of a complete map; better schedules go to the incumbent."""
        partial = dict(enumerate(node.places))
        seconds = min(self.budget.left(), FIRST_SLICE * LONGER**node.tried)
        price = least_price(self.plan, partial)
        problem = relaxed(self.plan, partial)
        operators = lower(problem, fused=not problem.split_backward)
        floor = bound_operators(operators)
        start = best_start(problem, operators)
        if start is not None:
            self.incumbent.offer_order(partial, operators, start, floor)
        elif not operators.musts:
            return math.inf
        if self.incumbent.closes(floor + price):
            return floor + price
        best = self.incumbent.best
        if best is None or node.tried:
            return price + self._optimum(partial, problem, seconds)
        least = best.value / (1.0 + PROOF_TOLERANCE) - price
        return price + max(floor, self._below(partial, operators, floor, least, seconds))

    def _optimum(self, partial: Partial, problem: ScheduleProblem, seconds: float) -> float:
        """A bound on the schedules of a map, by a search for its best one."""
        effort = self.effort
        result = solve(
            problem,
            seconds,
            effort.workers,
            effort.seed,
            lambda schedule: self.incumbent.offer(partial, schedule),
            effort.deterministic,
            effort.stop,
        )
        self.budget.charge(seconds)
        return result.bound

    def _below(
        self, partial: Partial, operators: Operators, floor: float, least: float, seconds: float
    ) -> float:
        """A bound on the schedules of a map: `least`, seconds, when there are none up to it."""
        ticks = in_ticks(operators, least)
        lower_ticks = _whole_ticks(bound_operators(ticks.operators))
        upper_ticks = math.floor(least / ticks.seconds)
        if lower_ticks > upper_ticks:
            return least

        def offer(order: Order) -> None:
            found = timed(operators, order)
            if found is not None:
                self.incumbent.offer_order(partial, operators, found, floor)

        around = whole(ticks.operators, margins(ticks.operators), [], lower_ticks, upper_ticks)
        answer = solve_order(around, replace(self.effort, seconds=seconds), offer)
        self.budget.charge(answer.deterministic_seconds)
        return least if answer.status == "infeasible" else answer.bound * ticks.seconds


def _whole_ticks(bound: float) -> int:
    """A bound in ticks rounded up, as every schedule takes whole ticks; float noise aside."""
    return math.ceil(bound - max(1e-6, 1e-9 * bound))
