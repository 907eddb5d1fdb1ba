"""Problems of some hundred nodes, solved by the hundred, only for values below one that is known.

1. Prices rise and messages pass until the bound comes to rest; selections decoded on the way are
   the incumbents (`solver.engine.relaxation.dual`).
2. Strategies whose excess over the bound reaches the gap to the best value known are in no better
   selection. Without them the problem is smaller and its bound higher, so 1 and 2 take turns for as
   long as much goes away.
3. CP-SAT settles what is left. If that is too large for one model, only the likeliest strategies
   are kept, and the least excess among those that were not limits the bound.

Every bound is valid for all selections below the best value known: those without a dropped strategy
are bounded directly, the others are not below that value.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np

from solver.cpsat import Limits
from solver.engine.evaluate import value
from solver.engine.exact import solve_exact
from solver.engine.outcome import Outcome
from solver.engine.problem import Bools, Problem, Selection
from solver.engine.reduce.pins import pins
from solver.engine.reduce.propagate import propagate
from solver.engine.reduce.restrict import restrict
from solver.engine.reduce.step import Infeasible, Pass, Restore
from solver.engine.relaxation.arrays import Arrays, arrays
from solver.engine.relaxation.dual import Dual, Messages
from solver.engine.search.incumbent import Incumbent
from solver.engine.search.neighbourhoods import cells

STEPS = 400  # of prices, in a round
LOOKS = 16  # steps between looks at what is excluded
SOON = 0.5  # share of the strategies left over below which the round ends early
AT_REST = 0.02  # length of steps at which prices have come to rest
FAR = 0.5  # relative: how far a first selection that fits is taken to be from the bound
CLOSED = 1e-9  # relative gap that counts as none
WORTHWHILE = 0.9  # share of the strategies left over which excluding more is not worth a round
PROVABLE = 60_000  # entries that one model may settle


def solve_medium(
    problem: Problem, limits: Limits, cutoff: float = math.inf, prove: bool = True
) -> Outcome:
    """The best selection of value below `cutoff`, and a bound on the value of every selection.

    The bound is at most `cutoff`, unless it is proven that nothing is feasible: (None, infinity,
    cutoff) says that nothing is below it. Without `prove`, a selection that fits is enough.
    """
    search = _Medium(problem, limits, cutoff)
    try:
        search.run(prove)
    except Infeasible:
        search.bound = search.known
    if search.best is None:
        return Outcome(None, math.inf, search.bound)
    return Outcome(search.best, search.value, min(search.bound, search.value))


def message_bound(problem: Problem, sweeps: int) -> float:
    """A lower bound on a problem without pins and resources, infinite where nothing is feasible."""
    try:
        step = propagate(problem)
    except Infeasible:
        return math.inf
    data = arrays(problem if step is None else step.problem)
    messages = Messages(data.graph)
    bound = -math.inf
    for _ in range(sweeps):
        before, bound = bound, messages.sweep(data.costs, data.tables)
        if bound - before <= 1e-4 * abs(bound):
            break
    return data.constant + bound


@dataclass(slots=True)
class _Medium:
    """The search; `problem` shrinks, `ways` lead back to the one that was given."""

    given: Problem
    limits: Limits
    cutoff: float
    best: Selection | None = None
    value: float = math.inf
    bound: float = -math.inf
    problem: Problem = field(init=False)
    ways: list[Restore] = field(default_factory=list)
    data: Arrays = field(init=False)
    dual: Dual = field(init=False)
    end: float = math.inf

    def __post_init__(self) -> None:
        self.problem = self.given

    @property
    def known(self) -> float:
        """Only values below this one are of interest."""
        return min(self.cutoff, self.value)

    def run(self, prove: bool) -> None:
        """Search; raises `Infeasible` when nothing is below the best value known."""
        self._reduce(propagate)
        self._reduce(pins)
        self._price()
        while self._is_open() and self._exclude():
            self._price()
        if self._is_open() and (prove or self.best is None):
            self._prove()

    # ---- prices and messages ---------------------------------------------------------------

    def _price(self) -> None:
        """Raise the bound, from the prices of the round before."""
        self.data = arrays(self.problem)
        dual = Dual(self.data, np.array([r.price for r in self.problem.resources]), length=1.0)
        if self.bound > -math.inf:
            dual.prices[:] = self.dual.best_prices
        self.dual = dual
        incumbent = Incumbent(self.problem, self.data)
        for number in range(1, STEPS + 1):
            if incumbent.offer(dual.step(self._target())) and incumbent.fits:
                self._note(np.asarray(incumbent.chosen, dtype=np.intp))
            self.bound = max(self.bound, min(dual.bound, self.known))
            self._start_clock()
            if not self._is_open() or dual.length < AT_REST:
                return
            if number % LOOKS == 0 and self._share_possible() < SOON:
                return

    def _target(self) -> float:
        """The value to raise the bound to: far above, where nothing is known to fit yet."""
        is_known = math.isfinite(self.known) or math.isinf(self.bound)
        return self.known if is_known else self.bound + FAR * abs(self.bound)

    def _start_clock(self) -> None:
        """Count time from the first step: loading compiled loops is no fault of the problem."""
        if math.isinf(self.end) and not self.limits.deterministic:
            self.end = time.monotonic() + self.limits.seconds

    def _note(self, chosen: Selection) -> None:
        """Keep a selection of the problem if it is the best."""
        selection = chosen
        for restore in reversed(self.ways):
            selection = restore(selection)
        worth = value(self.given, selection)
        if worth < self.known:
            self.best, self.value = selection, worth

    def _is_open(self) -> bool:
        """Whether there is something to find, and time."""
        if self.limits.stop.is_set() or time.monotonic() > self.end:
            return False
        return math.isinf(self.known) or self.bound < self.known - CLOSED * abs(self.known)

    # ---- smaller problems ------------------------------------------------------------------

    def _exclude(self) -> bool:
        """Drop what is in no better selection; whether that was much."""
        self.dual.settle(2)
        self.bound = max(self.bound, min(self.dual.bound, self.known))
        if self._share_possible() > WORTHWHILE:
            return False
        self._keep(self._possible(self.known - self.dual.bound))
        return True

    def _share_possible(self) -> float:
        """The share of the strategies that a better selection may have."""
        return float(self._possible(self.known - self.dual.bound).mean())

    def _possible(self, gap: float) -> Bools:
        return np.asarray(self.dual.excess <= gap + CLOSED * abs(self.dual.bound))

    def _keep(self, possible: Bools) -> None:
        """Restrict the problem to some strategies; raises `Infeasible` when a node has none."""
        first = self.data.graph.first
        kept = {}
        for number in range(self.data.graph.count):
            rows = np.flatnonzero(possible[first[number] : first[number + 1]])
            if not len(rows):
                raise Infeasible(f"nothing is left of {self.problem.nodes[number].name}")
            if len(rows) < self.problem.nodes[number].size:
                kept[number] = rows
        self._reduce(lambda problem: restrict(problem, kept))
        self._reduce(propagate)

    def _reduce(self, run: Pass) -> None:
        step = run(self.problem)
        if step is not None:
            self.problem = step.problem
            self.ways.append(step.restore)

    # ---- CP-SAT ----------------------------------------------------------------------------

    def _prove(self) -> None:
        """One model of all that is not excluded, or of the likeliest part of it."""
        gap = self.known - self.dual.bound
        possible = self._possible(gap)
        limit = self.known
        if cells(self.data, possible) > PROVABLE:
            level = self._level(gap)
            possible = self._possible(level)
            limit = min(limit, self.dual.bound + level)
        self._keep(possible)
        seconds = self.limits.seconds
        if not self.limits.deterministic:
            seconds = max(0.05, self.end - time.monotonic())
        outcome = solve_exact(
            self.problem, replace(self.limits, seconds=seconds), cutoff=self.known
        )
        if outcome.selection is not None:
            self._note(outcome.selection)
        self.bound = max(self.bound, min(outcome.bound, limit, self.known))

    def _level(self, gap: float) -> float:
        """The largest excess below which one model has room for all strategies."""
        levels = np.unique(self.dual.excess[self.dual.excess <= gap])
        first = np.maximum.reduceat(-self.dual.excess, self.data.graph.first[:-1])
        least = float((-first).max())  # every node keeps a strategy
        number = largest(
            len(levels), lambda k: cells(self.data, self._possible(levels[k])) <= PROVABLE
        )
        return max(least, float(levels[number]) if number >= 0 else least)


def largest(count: int, fits: Callable[[int], bool]) -> int:
    """The largest number below `count` that fits, where all smaller ones do (-1: none)."""
    low, high = -1, count - 1
    while low < high:
        middle = (low + high + 1) // 2
        if fits(middle):
            low = middle
        else:
            high = middle - 1
    return low
