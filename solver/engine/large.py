"""Problems too large for one model: bound, first selection, improvement, proof where it is near.

1. Prices rise and messages pass until the bound slows down; selections decoded on the way are the
   first incumbents (`solver.engine.relaxation.dual`).
2. If none of them fits, neighbourhoods in which overflow has a price take it away.
3. Annealing improves the incumbent and fills the pool (`solver.engine.search.rounds`).
4. Strategies whose excess over the bound exceeds the gap to the incumbent are in no better
   selection and are excluded.
5. If what is left is small enough, one CP-SAT model settles it; else neighbourhoods improve the
   incumbent until time is up (`solver.engine.search.improve`), while the bound goes on rising.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np

from solver.cpsat import Limits
from solver.engine.clock import Clock
from solver.engine.evaluate import value
from solver.engine.exact import solve_exact
from solver.engine.outcome import Outcome, Report
from solver.engine.problem import Bools, Floats, Problem, Selection
from solver.engine.relaxation.arrays import Arrays, Ints, arrays
from solver.engine.relaxation.dual import Dual
from solver.engine.search.anneal import applies
from solver.engine.search.improve import Improver
from solver.engine.search.incumbent import Incumbent
from solver.engine.search.neighbourhoods import cells
from solver.engine.search.restricted import restricted
from solver.engine.search.rounds import Rounds

PRICING = 0.12  # of the time, for the first bound and selections
UNFIT = 4.0  # times as long for prices, while no selection that was decoded fits
ANNEALING = 0.15  # of the time
ROUND_S = 1.0  # seconds of annealing between looks at what it gained, and at a wish to stop
ROUNDS = 16  # at least so many in the time for annealing
FITTED_SOON = 5_000  # entries of a model that settles soon whether anything fits
FITTING = 0.5  # of the time that is left, for one model to find the first selection that fits
PROVABLE = 60_000  # entries that one model may settle before any neighbourhood is tried
PROVABLE_LATE = 300_000  # and after neighbourhoods have stopped helping
STALLED = 60  # neighbourhoods in turn without a gain: time for a proof
BUILDING_S = 2e-5  # of building a model, per entry
PROOF_S = 10.0  # the least that such a proof is worth starting with
BETWEEN_REPORTS = 1.0  # seconds
ENDING = 0.02  # of the time, for what is under way when it is up
AT_REST = 1e-4  # length of steps at which prices have come to rest
SETTLING = 3  # sweeps at the best prices, after the last step


def solve_large(problem: Problem, limits: Limits, clock: Clock, report: Report) -> Outcome:
    """The best selection and bound within the limits, for a problem without pins."""
    return _Large(problem, limits, clock, report).solve()


@dataclass(slots=True)
class _Large:
    problem: Problem
    limits: Limits
    clock: Clock
    report: Report
    end: float = field(init=False)
    data: Arrays = field(init=False)
    dual: Dual = field(init=False)
    incumbent: Incumbent = field(init=False)
    rng: np.random.Generator = field(init=False)
    rounds: Rounds | None = None
    improver: Improver | None = None
    reported: float = -math.inf
    proved: float = -math.inf

    def __post_init__(self) -> None:
        self.end = self.clock.now() + self.limits.seconds
        self.data = arrays(self.problem)
        self.dual = Dual(self.data, np.array([r.price for r in self.problem.resources]))
        self.incumbent = Incumbent(self.problem, self.data)
        self.rng = np.random.default_rng(self.limits.seed)

    def solve(self) -> Outcome:
        self._price(PRICING * self.limits.seconds)
        can_build = BUILDING_S * self.problem.size < self._left()
        if self.incumbent.chosen is None and self._is_open() and can_build:
            self._start()
        self._tell(now=True)
        if not self.incumbent.fits and self._is_open():
            self._fit()
        if self._is_open():
            self._anneal(ANNEALING * self.limits.seconds)
        if self._is_open():
            self._prove(PROVABLE)
        if self._is_open():
            self._improve()
        return self._outcome()

    # ---- the phases ------------------------------------------------------------------------

    def _price(self, seconds: float) -> None:
        self._step()
        began = self.clock.now()  # without the seconds that loading compiled loops takes
        while self._is_open() and self.dual.length > AT_REST and math.isfinite(self.dual.bound):
            most = seconds if self.incumbent.fits else UNFIT * seconds
            if self.clock.now() > began + most:
                break
            self._step()
        self.dual.settle(SETTLING)

    def _step(self) -> None:
        if self.incumbent.offer(self.dual.step(self.incumbent.feasible_value)):
            self._tell()
        self.clock.count_sweeps(self.data)

    def _start(self) -> None:
        """Any selection without a forbidden pair: all that were decoded have one."""
        outcome = self._exactly(_without_costs(self.problem), self._left())
        if outcome.selection is not None:
            self.incumbent.offer(outcome.selection.astype(np.int64))
        elif outcome.is_infeasible:
            self.proved = math.inf

    def _anneal(self, seconds: float) -> None:
        if not applies(self.data, self.dual.highest) or not self.incumbent.fits:
            return
        self.rounds = Rounds(self.data, self.clock)
        end = self.clock.now() + seconds
        while self.clock.now() < end and self._is_open() and self.rounds.are_worthwhile:
            chosen = self.incumbent.chosen
            assert chosen is not None
            length, seed = min(ROUND_S, seconds / ROUNDS), int(self.rng.integers(2**31))
            room, possible = self.incumbent.room, self._possible()
            self.incumbent.offer(self.rounds.run(chosen, room, possible, length, seed))
            self._tell()

    def _prove(self, most: int) -> None:
        """One model of everything that is not excluded, if it has at most so many entries."""
        possible = self._possible()
        chosen = self.incumbent.chosen
        if chosen is None or not self.incumbent.fits or cells(self.data, possible) > most:
            return
        before, used = self.incumbent.value, self.data.capacity - self.incumbent.room
        part = restricted(self.problem, self.data, chosen, used, possible, math.inf)
        outcome = self._exactly(part.problem, self._left(), part.hint)
        if outcome.selection is not None:
            self.incumbent.offer(part.widen(chosen, outcome.selection))
        fixed = before - value(part.problem, part.hint)
        # What was excluded is no better than the incumbent.
        self.proved = max(self.proved, min(self.incumbent.value, outcome.bound + fixed))

    def _exactly(self, problem: Problem, seconds: float, hint: Selection | None = None) -> Outcome:
        left = max(0.05, seconds - BUILDING_S * problem.size)
        outcome = solve_exact(problem, replace(self.limits, seconds=left), hint)
        self.clock.count_model(problem.size, seconds, outcome.is_closed)
        return outcome

    def _fit(self) -> None:
        """Less and less overflow of hard resources, or a proof that nothing fits."""
        if self.problem.size <= FITTED_SOON:
            self._fit_exactly()
        if self.incumbent.chosen is None or not self._is_open():
            return
        self._search(lambda: self.incumbent.fits or self._is_stalled())
        if not self.incumbent.fits and self._is_open() and self.problem.size <= PROVABLE_LATE:
            self._fit_exactly()

    def _fit_exactly(self) -> None:
        outcome = self._exactly(self.problem, FITTING * self._left())
        if outcome.selection is not None:
            self.incumbent.offer(outcome.selection.astype(np.int64))
        self.proved = max(self.proved, outcome.bound)

    def _improve(self) -> None:
        """Neighbourhoods; a proof when they stop helping; then what time is left for."""
        can_prove = cells(self.data, self._possible()) <= PROVABLE_LATE
        self._search(lambda: can_prove and self._is_stalled())
        if self._is_open() and can_prove and self._left() > PROOF_S:
            self._prove(PROVABLE_LATE)
        if self._is_open():
            self._search(lambda: False)

    def _search(self, is_enough: Callable[[], bool]) -> None:
        if self.improver is None:
            self.improver = Improver(
                self.problem,
                self.data,
                self.dual,
                self.incumbent,
                self.limits,
                self.clock,
                self.rng,
            )
        self.improver.rounds = self.rounds
        seconds = self._left() - ENDING * self.limits.seconds
        self.improver.run(seconds, self._possible(), is_enough, self._tell)

    def _is_stalled(self) -> bool:
        return self.improver is not None and self.improver.idle >= STALLED

    # ---- what is known ---------------------------------------------------------------------

    @property
    def bound(self) -> float:
        """The best lower bound on every selection."""
        return max(self.dual.bound, self.proved)

    def _left(self) -> float:
        return max(0.05, self.end - self.clock.now())

    def _possible(self) -> Bools:
        """Strategies that a better selection may have."""
        gap = self.incumbent.feasible_value - self.dual.bound
        possible = self.dual.excess <= gap + 1e-9 * abs(self.dual.bound)
        return np.asarray(possible & np.isfinite(self.data.costs))

    def _is_open(self) -> bool:
        return not self.limits.stop.is_set() and not self._outcome().is_closed

    def _outcome(self) -> Outcome:
        if not self.incumbent.fits or self.incumbent.chosen is None:
            return Outcome(None, math.inf, self.bound)
        least = self.incumbent.value
        chosen: Ints = self.incumbent.chosen
        return Outcome(chosen.astype(np.intp), least, min(least, self.bound))

    def _tell(self, now: bool = False) -> None:
        if now or self.clock.now() - self.reported > BETWEEN_REPORTS:
            self.reported = self.clock.now()
            self.report(self._outcome())


def _without_costs(problem: Problem) -> Problem:
    """What is forbidden, and nothing else: no costs and no resources."""
    nodes = tuple(replace(n, costs=_forbidden(n.costs)) for n in problem.nodes)
    edges = tuple(replace(e, table=_forbidden(e.table)) for e in problem.edges)
    return Problem(nodes, edges)


def _forbidden(costs: Floats) -> Floats:
    return np.where(np.isinf(costs), math.inf, 0.0)
