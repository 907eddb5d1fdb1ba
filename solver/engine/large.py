"""Problems too large for one model: bound, first selection, improvement, proof where it is near.

1. Prices rise and messages pass until the bound slows down; selections decoded on the way are the
   first incumbents (`solver.engine.relaxation.dual`).
2. Annealing improves them and fills the pool (`solver.engine.search.anneal`).
3. Strategies whose excess over the bound exceeds the gap to the incumbent are in no better
   selection and are excluded.
4. If what is left is small enough, one CP-SAT model settles it; else neighbourhoods improve the
   incumbent until time is up (`solver.engine.search.improve`), while the bound goes on rising.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, field, replace

import numpy as np

from solver.cpsat import Limits
from solver.engine.exact import solve_exact
from solver.engine.outcome import Outcome, Report
from solver.engine.problem import Bools, Problem
from solver.engine.relaxation.arrays import Arrays, Ints, arrays
from solver.engine.relaxation.dual import Dual, energy_of
from solver.engine.search.anneal import Annealer, applies
from solver.engine.search.improve import Improver
from solver.engine.search.incumbent import Incumbent
from solver.engine.search.neighbourhoods import cells
from solver.engine.search.restricted import restricted

PRICING = 0.2  # of the time, for the first bound and selections
ANNEALING = 0.15  # of the time
PROVABLE = 60_000  # entries that one model may settle
CLOSED = 1e-9  # relative gap that counts as none
BETWEEN_REPORTS = 1.0  # seconds
SHORTEST = 1e-4  # step length at which prices have come to rest


def solve_large(problem: Problem, limits: Limits, report: Report) -> Outcome:
    """The best selection and bound within the limits."""
    return _Large(problem, limits, report).solve()


@dataclass(slots=True)
class _Large:
    problem: Problem
    limits: Limits
    report: Report
    data: Arrays = field(init=False)
    dual: Dual = field(init=False)
    incumbent: Incumbent = field(init=False)
    began: float = field(init=False)
    reported: float = -math.inf
    rng: np.random.Generator = field(init=False)

    def __post_init__(self) -> None:
        self.began = time.monotonic()
        self.data = arrays(self.problem)
        self.dual = Dual(self.data, np.array([r.price for r in self.problem.resources]))
        self.incumbent = Incumbent(self.problem, self.data)
        self.rng = np.random.default_rng(self.limits.seed)

    def solve(self) -> Outcome:
        self._price(PRICING * self.limits.seconds)
        self._tell(now=True)
        if self._is_open():
            self._anneal(ANNEALING * self.limits.seconds)
        if self._is_open():
            self._prove()
        if self._is_open():
            self._improve()
        return self._outcome()

    # ---- the phases ------------------------------------------------------------------------

    def _price(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        dearest = -math.inf
        while time.monotonic() < end and self._is_open():
            target = self.incumbent.feasible_value
            if math.isinf(target):  # then the dearest selection met stands for a good one
                target = max(dearest, self.dual.bound + 0.05 * abs(self.dual.bound))
            chosen = self.dual.step(target)
            energy = energy_of(self.data, chosen)
            if math.isfinite(energy):
                dearest = max(dearest, energy)
                self.incumbent.offer(chosen)
            if self.dual.length < SHORTEST:
                break
        self.dual.settle(3)

    def _anneal(self, seconds: float) -> None:
        if not applies(self.data, self.dual.highest) or not self.incumbent.fits:
            return
        annealer = Annealer(self.data)
        end = time.monotonic() + seconds
        moves, hottest = 20_000, 1e-2
        round_ = 0
        while time.monotonic() < end and self._is_open():
            began = time.monotonic()
            chosen = self.incumbent.chosen
            assert chosen is not None
            value = abs(self.incumbent.value)
            found = annealer.run(
                chosen,
                self.incumbent.room,
                self._possible(),
                moves,
                hottest * 10 ** (-0.5 * (round_ % 6)) * value,
                1e-7 * value,
                int(self.rng.integers(2**31)),
            )
            self.incumbent.offer(found)
            self._tell()
            round_ += 1
            rate = moves / max(time.monotonic() - began, 1e-3)
            moves = max(2_000, int(rate * seconds / 8))

    def _prove(self) -> None:
        """One model of everything that is not excluded, if it is small enough."""
        possible = self._possible()
        chosen = self.incumbent.chosen
        if chosen is None or cells(self.data, possible) > PROVABLE:
            return
        used = self.data.capacity - self.incumbent.room
        price = math.inf if self.incumbent.fits else self.incumbent.price
        part = restricted(self.problem, self.data, chosen, used, possible, price)
        limits = replace(self.limits, seconds=self._left())
        outcome = solve_exact(part.problem, limits, part.hint)
        if outcome.selection is not None:
            self.incumbent.offer(part.widen(chosen, outcome.selection))

    def _improve(self) -> None:
        if self.incumbent.chosen is None:
            return
        improver = Improver(
            self.problem,
            self.data,
            self.dual,
            self.incumbent,
            self._possible(),
            self.limits,
            self.rng,
        )
        improver.run(self._left(), self._tell)

    # ---- what is known ---------------------------------------------------------------------

    def _left(self) -> float:
        return max(0.05, self.began + self.limits.seconds - time.monotonic())

    def _possible(self) -> Bools:
        """Strategies that a better selection may have."""
        gap = self.incumbent.feasible_value - self.dual.bound
        possible = self.dual.excess <= gap + 1e-9 * abs(self.dual.bound)
        return np.asarray(possible & np.isfinite(self.data.costs))

    def _is_open(self) -> bool:
        if self.limits.stop.is_set():
            return False
        value = self.incumbent.feasible_value
        return self.dual.bound < value - CLOSED * abs(value)

    def _outcome(self) -> Outcome:
        if not self.incumbent.fits or self.incumbent.chosen is None:
            return Outcome(None, math.inf, self.dual.bound)
        value = self.incumbent.value
        chosen: Ints = self.incumbent.chosen
        return Outcome(chosen.astype(np.intp), value, min(value, self.dual.bound))

    def _tell(self, now: bool = False) -> None:
        if now or time.monotonic() - self.reported > BETWEEN_REPORTS:
            self.reported = time.monotonic()
            self.report(self._outcome())
