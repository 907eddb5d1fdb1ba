"""Large-neighbourhood search: CP-SAT re-chooses part of the incumbent, again and again.

Kinds of neighbourhoods are drawn by what they have gained per second; the size of each follows how
fast CP-SAT closes it. With several workers neighbourhoods are solved side by side, each from the
incumbent of its start; what it changes is then applied to the incumbent of its end, if it still
gains there.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field, replace

import numpy as np

from solver.cpsat import Limits
from solver.engine.clock import Clock
from solver.engine.exact import solve_exact
from solver.engine.outcome import CLOSED
from solver.engine.problem import Bools, Problem
from solver.engine.relaxation.arrays import Arrays, Ints
from solver.engine.relaxation.dual import Dual
from solver.engine.search.incumbent import Incumbent
from solver.engine.search.neighbourhoods import KINDS, View, copies_of, free
from solver.engine.search.restricted import Restricted, restricted
from solver.engine.search.rounds import Rounds

SECONDS = 3.0  # for one neighbourhood, while they help
QUICKLY, SLOWLY = 0.25, 0.7  # of that: one closed faster may grow, a slower one is too large
STALLED = 12  # neighbourhoods without a gain before they may take twice as long, and be larger
LONGEST = 60.0  # seconds
BOUND_EVERY, BOUND_S = 12, 1.0  # so many neighbourhoods, then so many seconds for the bound
SWEEPS = 4  # for the bound, between looks at the time and at a wish to stop
BUDGETS = {"subgraph": 4_000, "window": 4_000, "blocks": 6_000, "fusion": 8_000}
SCORE = 1e-4  # of a kind of which nothing is known
ANNEALING = "annealing"
ROUND = 0.3  # of a neighbourhood's time, for a round of annealing
LEAST, MOST = 400, 400_000
NOTHING = 1e-5  # relative gain that does not count as one
FADING = 0.85  # of what a kind is credited for older gains


@dataclass(slots=True)
class _Kind:
    """How a kind of neighbourhood has done: relative gain per second, and the size to try."""

    name: str
    budget: float
    score: float = SCORE

    def learn(self, gain: float, seconds: float, limit: float, is_closed: bool) -> None:
        self.score = FADING * self.score + (1.0 - FADING) * gain / max(seconds, 0.05)
        if is_closed and seconds < QUICKLY * limit:
            self.budget = min(MOST, self.budget * 1.4)
        elif not is_closed or seconds > SLOWLY * limit:
            self.budget = max(LEAST, self.budget * 0.7)


@dataclass(frozen=True, slots=True, eq=False)
class _Answer:
    """A neighbourhood's best: the nodes it freed, their strategies, and whether it is closed."""

    kind: _Kind
    nodes: Ints
    strategies: Ints
    is_closed: bool
    seconds: float


@dataclass(slots=True)
class Improver:
    """Improves `incumbent`; `dual` tells what is likely, and how good a selection can be at best.

    `idle` counts the neighbourhoods since the last gain. `raising` is the last job for the bound,
    of which one runs at a time, since messages know no locks.
    """

    problem: Problem
    data: Arrays
    dual: Dual
    incumbent: Incumbent
    limits: Limits
    clock: Clock
    rng: np.random.Generator
    kinds: list[_Kind] = field(init=False)
    copies: Ints = field(init=False)
    hard: Bools = field(init=False)
    possible: Bools = field(init=False)
    patience: float = SECONDS
    idle: int = 0
    submitted: int = 0
    raising: Future[_Answer | None] | None = None
    rounds: Rounds | None = None

    def __post_init__(self) -> None:
        self.copies = copies_of(self.data)
        is_hard = [resource.is_hard for resource in self.problem.resources]
        self.hard = np.repeat(is_hard, np.diff(self.data.resource_at)).astype(np.bool_)
        repeats = len(np.unique(self.copies)) < 0.7 * len(self.copies)
        names = [n for n in KINDS if (n != "blocks" or repeats)]
        if not len(self.data.capacity):
            names.remove("window")
        self.kinds = [_Kind(n, BUDGETS[n]) for n in names]
        self.kinds.append(_Kind(ANNEALING, LEAST))

    def run(
        self,
        seconds: float,
        possible: Bools,
        is_enough: Callable[[], bool],
        tell: Callable[[], None],
    ) -> None:
        """Search for so many seconds, or until it is enough, among the strategies ([strategy]) that
        are possible; `tell` is called with every better selection, and when the bound may be."""
        end = self.clock.now() + seconds
        self.possible, self.idle = possible, 0
        workers = 1 if self.limits.deterministic else self.limits.workers
        with ThreadPoolExecutor(workers) as executor:
            running: set[Future[_Answer | None]] = set()
            while self.clock.now() < end and not is_enough() and not self._is_done():
                while len(running) < workers:
                    running.add(self._submit(executor, end))
                done, running = wait(running, timeout=0.5, return_when=FIRST_COMPLETED)
                self._take(done, tell)
            self._take(wait(running).done, tell)

    def _take(self, done: set[Future[_Answer | None]], tell: Callable[[], None]) -> None:
        for future in done:
            answer = future.result()
            if answer is None or self._apply(answer):
                tell()

    def _is_done(self) -> bool:
        least = self.incumbent.feasible_value
        return self.limits.stop.is_set() or self.dual.bound >= least - CLOSED * abs(least)

    def _raise_bound(self) -> None:
        """Let messages pass for a while at the best prices: their bound rises slowly, but long."""
        end = self.clock.now() + BOUND_S
        while self.clock.now() < end and not self.limits.stop.is_set():
            self.dual.settle(SWEEPS)
            self.clock.count_sweeps(self.data, SWEEPS)

    def _submit(self, executor: ThreadPoolExecutor, end: float) -> Future[_Answer | None]:
        self.submitted += 1
        if self.submitted % BOUND_EVERY == 0 and (self.raising is None or self.raising.done()):
            self.raising = executor.submit(self._raise_bound)
            return self.raising
        kind = self._choose_kind()
        seed = int(self.rng.integers(2**31))
        seconds = min(self.patience, max(0.1, end - self.clock.now()))
        limits = replace(self.limits, seconds=seconds, workers=1, seed=seed)
        price = math.inf if self.incumbent.fits else self.incumbent.price
        return executor.submit(self._solve, kind, self._view(), price, limits, seed)

    def _choose_kind(self) -> _Kind:
        """Annealing is one of them where it applies: it gains where many cheap moves do."""
        anneals = self.rounds is not None and self.incumbent.fits
        kinds = [kind for kind in self.kinds if kind.name != ANNEALING or anneals]
        scores = np.array([kind.score for kind in kinds])
        weights = 0.25 / len(scores) + 0.75 * scores / scores.sum()
        return kinds[int(self.rng.choice(len(weights), p=weights))]

    def _view(self) -> View:
        chosen = self.incumbent.chosen
        assert chosen is not None
        return View(
            self.data,
            chosen,
            self.incumbent.room,
            self.hard,
            self.possible,
            self.dual.excess,
            self.dual.best_prices,
            [x for _, x in self.incumbent.pool],
            self.copies,
        )

    def _solve(self, kind: _Kind, view: View, price: float, limits: Limits, seed: int) -> _Answer:
        began = self.clock.now()
        if kind.name == ANNEALING:
            return self._anneal(kind, view, limits.seconds * ROUND, seed)
        rng = np.random.default_rng(seed)
        view = replace(view, likely=self._likely(view, rng))
        mask = free(kind.name, view, int(kind.budget * rng.uniform(0.5, 1.0)), rng)
        used = self.data.capacity - view.room
        part = restricted(self.problem, self.data, view.chosen, used, mask, price)
        outcome = solve_exact(part.problem, limits, part.hint)
        picked = part.hint if outcome.selection is None else outcome.selection
        self.clock.count_model(part.problem.size, limits.seconds, outcome.is_closed)
        took = self.clock.now() - began
        return _Answer(kind, part.free, _strategies(part, picked), outcome.is_closed, took)

    def _anneal(self, kind: _Kind, view: View, seconds: float, seed: int) -> _Answer:
        assert self.rounds is not None
        began = self.clock.now()
        found = self.rounds.run(view.chosen, view.room, view.likely, seconds, seed)
        nodes = np.flatnonzero(found != view.chosen)
        return _Answer(kind, nodes, found[nodes], False, self.clock.now() - began)

    def _widen(self) -> None:
        """Nothing helped for a while: larger neighbourhoods, and no kind is favoured."""
        self.patience = min(LONGEST, 2.0 * self.patience)
        self.incumbent.press()
        for kind in self.kinds:
            kind.score, kind.budget = SCORE, min(MOST, 1.5 * kind.budget)

    def _likely(self, view: View, rng: np.random.Generator) -> Bools:
        """Strategies whose excess is small beside a node's average share of the value: a few or
        most of them, since either may be what a neighbourhood needs."""
        share = abs(self.incumbent.value) / self.data.graph.count
        return np.asarray(view.likely & (view.excess <= share * 10.0 ** rng.uniform(-0.5, 2.0)))

    def _apply(self, answer: _Answer) -> bool:
        before = self.incumbent.value
        assert self.incumbent.chosen is not None
        changed = self.incumbent.chosen.copy()
        changed[answer.nodes] = answer.strategies
        was_fitting = self.incumbent.fits
        better = self.incumbent.offer(changed)
        gain = max(0.0, before - self.incumbent.value) / max(abs(before), 1e-300)
        relative = 1.0 if self.incumbent.fits and not was_fitting else gain
        answer.kind.learn(relative, answer.seconds, self.patience, answer.is_closed)
        self.idle = 0 if relative > NOTHING else self.idle + 1
        if self.idle == 0:
            self.patience = SECONDS
        elif self.idle % STALLED == 0:
            self._widen()
        return better


def _strategies(part: Restricted, picked: Ints) -> Ints:
    return np.array([kept[k] for kept, k in zip(part.kept, picked, strict=True)], dtype=np.int64)
