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
from solver.engine.evaluate import value
from solver.engine.exact import solve_exact
from solver.engine.outcome import Outcome, Report
from solver.engine.problem import Bools, Problem
from solver.engine.relaxation.arrays import Arrays, Ints, arrays
from solver.engine.relaxation.dual import Dual
from solver.engine.search.anneal import Annealer, applies
from solver.engine.search.improve import Improver
from solver.engine.search.incumbent import Incumbent
from solver.engine.search.neighbourhoods import cells
from solver.engine.search.restricted import restricted

PRICING = 0.2  # of the time, for the first bound and selections
ANNEALING = 0.15  # of the time
PROVABLE = 60_000  # entries that one model may settle before any neighbourhood is tried
PROVABLE_LATE = 300_000  # and after neighbourhoods have stopped helping
STALLED = 60  # neighbourhoods in turn without a gain: time for a proof
PROOF_S = 10.0  # the least that such a proof is worth starting with
CLOSED = 1e-9  # relative gap that counts as none
BETWEEN_REPORTS = 1.0  # seconds
TEMPERATURES = (1e-5, 1e-4, 1e-3, 1e-2, 1e-1)  # of the incumbent's value, at the start of a round
COOLING = 1e-2  # temperature at the end of a round, of that at its start
ROUND_S = 1.5  # seconds of annealing between looks at what it gained
WORTHWHILE = 1e-3  # relative gain per second below which annealing ends
ENDING = 0.02  # of the time, for what is under way when it is up
AT_REST = 1e-4  # length of steps at which prices have come to rest


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
    proved: float = -math.inf

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
            self._prove(PROVABLE)
        if self._is_open():
            self._improve()
        return self._outcome()

    # ---- the phases ------------------------------------------------------------------------

    def _price(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        while time.monotonic() < end and self._is_open() and self.dual.length > AT_REST:
            self.incumbent.offer(self.dual.step(self.incumbent.feasible_value))
        self.dual.settle(3)

    def _anneal(self, seconds: float) -> None:
        """Rounds at several temperatures, each from the incumbent; those that gain come again."""
        if not applies(self.data, self.dual.highest) or not self.incumbent.fits:
            return
        annealer = Annealer(self.data)
        end = time.monotonic() + seconds
        scores = np.full(len(TEMPERATURES), math.inf)
        moves = 5_000
        while time.monotonic() < end and self._is_open():
            chosen, least = self.incumbent.chosen, abs(self.incumbent.value)
            assert chosen is not None
            k = int(np.argmax(scores))
            hot = TEMPERATURES[k] * least
            began = time.monotonic()
            found = annealer.run(
                chosen,
                self.incumbent.room,
                self._possible(),
                moves,
                hot,
                COOLING * hot,
                int(self.rng.integers(2**31)),
            )
            took = max(time.monotonic() - began, 1e-3)
            self.incumbent.offer(found)
            gain = (least - abs(self.incumbent.value)) / max(least, 1e-300)
            scores[k] = gain / took if math.isinf(scores[k]) else (scores[k] + gain / took) / 2
            self._tell()
            moves = max(2_000, int(moves / took * min(ROUND_S, seconds / 16)))
            if scores.max() < WORTHWHILE:
                break

    def _prove(self, most: int) -> None:
        """One model of everything that is not excluded, if it has at most so many entries."""
        possible = self._possible()
        chosen = self.incumbent.chosen
        if chosen is None or cells(self.data, possible) > most:
            return
        before, used = self.incumbent.value, self.data.capacity - self.incumbent.room
        price = math.inf if self.incumbent.fits else self.incumbent.price
        part = restricted(self.problem, self.data, chosen, used, possible, price)
        limits = replace(self.limits, seconds=self._left())
        outcome = solve_exact(part.problem, limits, part.hint)
        if outcome.selection is not None:
            self.incumbent.offer(part.widen(chosen, outcome.selection))
        if self.incumbent.fits and math.isinf(price):  # what was excluded is no better
            fixed = before - value(part.problem, part.hint)
            self.proved = min(self.incumbent.value, outcome.bound + fixed)

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
        can_prove = cells(self.data, self._possible()) <= PROVABLE_LATE
        improver.run(self._left() - self._ending(), STALLED if can_prove else math.inf, self._tell)
        if self._is_open() and can_prove and self._left() > PROOF_S:
            self._prove(PROVABLE_LATE)
        if self._is_open() and self._left() > self._ending():
            improver.run(self._left() - self._ending(), math.inf, self._tell)

    def _ending(self) -> float:
        return ENDING * self.limits.seconds

    # ---- what is known ---------------------------------------------------------------------

    @property
    def bound(self) -> float:
        """The best lower bound on every selection."""
        return max(self.dual.bound, self.proved)

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
        if not self.incumbent.fits:
            return True
        least = self.incumbent.value
        return self.bound < least - CLOSED * abs(least)

    def _outcome(self) -> Outcome:
        if not self.incumbent.fits or self.incumbent.chosen is None:
            return Outcome(None, math.inf, self.bound)
        least = self.incumbent.value
        chosen: Ints = self.incumbent.chosen
        return Outcome(chosen.astype(np.intp), least, min(least, self.bound))

    def _tell(self, now: bool = False) -> None:
        if now or time.monotonic() - self.reported > BETWEEN_REPORTS:
            self.reported = time.monotonic()
            self.report(self._outcome())
