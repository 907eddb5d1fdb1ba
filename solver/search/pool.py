"""All stage maps of a split side by side: the one with the least relaxation is worked on next.

For every map the rows of times give a selection and a bound; scheduling the selection gives a plan,
and rows (`paths`) and cuts (`cuts`) that say what the relaxation missed, after which the map's next
selection is dearer or shorter. What is known of a map is kept, so that a search can go on later.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from solver.search.choose import Choice, choose
from solver.search.cuts import memory_never_binds, monotone_cut
from solver.search.memory_cuts import has_measured, with_memory
from solver.search.paths import with_path
from solver.search.patterns import full_flight, least_flight
from solver.search.scheduling import cut_bound, schedule
from solver.stages.figures import StageFigures, figures

if TYPE_CHECKING:
    from solver.search.effort import Effort
    from solver.search.goal import Found
    from solver.search.order import Ordered
    from solver.search.split import SplitSearch
    from solver.sharding.problem import Selection
    from solver.sharding.terms import Cut, StageTerms
    from solver.stages.pattern import Pattern

ROUNDS = 60  # schedules per map
NEVER = 10.0  # times what all work takes one after the other
CLOSED = 1e-9  # relative: a bound so near to the cutoff leaves nothing to find
FORCED = ("gpipe", "one_f_one_b", "interleaved", "zb_h1")
"""Families whose order no selection of a map changes."""


KNOWN_FLIGHT = ("gpipe", "one_f_one_b", "interleaved")
"""Families of which `least_flight` says what is in flight."""


@dataclass(eq=False)
class Line:
    """A stage map: `bound` is proven, `value` is what its next selection promises at least, or the
    bound again; `choice` waits for its schedule. Rows of paths in `opened.along` hold for all
    selections where the order is forced, else for the order at hand; `opened.terms` are without
    them."""

    pattern: Pattern
    bound: float
    opened: Opened | None = None  # once it has been looked at
    value: float = -math.inf
    choice: Choice | None = None
    cuts: list[Cut] = field(default_factory=list)
    seen: set[Selection] = field(default_factory=set)
    rounds: int = 0
    follows: bool = True  # whether paths are still followed where they prove nothing
    flights: list[list[int]] | None = None  # in flight per chunk, still to be left room for
    closed: bool = False


@dataclass
class Opened:
    """A split prepared for a stage map, and the rows of its stages' times and bytes."""

    search: SplitSearch
    terms: StageTerms
    along: StageTerms


class Pool:
    """The stage maps of a split that is ready."""

    def __init__(self, search: SplitSearch, patterns: Sequence[Pattern]) -> None:
        self.search = search
        self.lines = [Line(pattern, search.bound) for pattern in patterns]
        self.steps = 0

    @property
    def bound(self) -> float:
        """A lower bound on the plans of all maps."""
        return min((line.bound for line in self.lines), default=math.inf)

    @property
    def is_done(self) -> bool:
        """Whether there is nothing left to try."""
        return all(line.closed for line in self.lines)

    def run(self, cutoff: float, effort: Effort, keep: Callable[[Found], None]) -> None:
        """Work until all maps are closed or the time is up; plans below `cutoff` go to `keep`."""
        best = cutoff

        def note(found: Found) -> None:
            nonlocal best
            best = min(best, found.value)
            keep(found)

        while not effort.is_over():
            waiting = []
            for line in self.lines:
                line.closed |= line.bound >= best * (1 - CLOSED)
                if not line.closed:
                    waiting.append(line)
            if not waiting:
                return
            self.steps += 1
            # Best first, and now and then the one that was looked at least: a relaxation that
            # sees little of the memory can look best for long.
            if self.steps % 4:
                line = min(waiting, key=lambda x: (x.value, x.rounds))
            else:
                line = min(waiting, key=lambda x: (x.rounds, x.value))
            if line.choice is None:
                self._choose(line, best, effort)
            else:
                self._schedule(line, line.choice, effort, note)

    def _open(self, line: Line) -> Opened:
        if line.opened is None:
            search = self.search.by_stages(line.pattern) if self.search.differs else self.search
            assert search.ready is not None
            held = least_flight(search.ready, line.pattern)
            terms = search.terms(line.pattern, held, search.rooms)
            line.opened = Opened(search, terms, terms)
        return line.opened

    def _choose(self, line: Line, cutoff: float, effort: Effort) -> None:
        """The next selection; the map is closed where there is none, or none that is new."""
        opened = self._open(line)
        search, is_proof = opened.search, self._is_forced(line) or not line.follows
        assert search.ready is not None
        extra = search.unit_penalty(line.pattern)
        if line.rounds and self._make_room(line, search, cutoff - extra, effort):
            return
        terms = opened.terms if is_proof and not self._is_forced(line) else opened.along
        is_proof |= not line.rounds
        limits, cuts = effort.limits(0.2), line.cuts if is_proof else ()
        tables, aim = search.ready.tables, search.aim()
        choice = choose(tables, terms, cutoff - extra, limits, aim, cuts, prove=is_proof)
        if is_proof:
            line.bound = max(line.bound, choice.bound + extra)
        if choice.selection is not None and choice.selection not in line.seen:
            line.choice = choice
            line.value = max(line.value, choice.value + extra)
        elif is_proof:
            line.closed = not effort.is_over()
        else:
            line.follows = False
            line.value = line.bound

    def _make_room(self, line: Line, search: SplitSearch, cutoff: float, effort: Effort) -> bool:
        """Where memory binds and the order says little of what is in flight: a selection that fits
        with more than there must be; whether there is a new one."""
        assert search.ready is not None
        if line.flights is None:
            count, chunks = search.split.microbatches, line.pattern.chunks
            more = [full_flight(search.ready), *([n] * chunks for n in range(2, count + 1))]
            limited = bool(np.isfinite(search.rooms).all()) or bool(search.goal.soft_bytes)
            is_known = search.spec.train.pipeline.family in KNOWN_FLIGHT
            binds = limited and not is_known and not line.pattern.has_several_chunks
            line.flights = list(more) if binds else []
        while line.flights:
            terms = search.terms(line.pattern, line.flights.pop(0), search.rooms)
            limits, aim = effort.limits(0.2), search.aim()
            choice = choose(search.ready.tables, terms, cutoff, limits, aim, prove=False)
            if choice.selection is not None and choice.selection not in line.seen:
                line.choice = choice
                return True
        return False

    def _schedule(
        self, line: Line, choice: Choice, effort: Effort, note: Callable[[Found], None]
    ) -> None:
        """A plan of the selection, and what its schedule teaches."""
        opened = self._open(line)
        search = opened.search
        assert search.ready is not None
        problem = search.ready.problem
        line.choice, selection = None, choice.selection
        assert selection is not None
        line.seen.add(selection)
        line.rounds += 1
        ordered = schedule(search, selection, line.pattern, effort, 0.2, note)
        if search.split.stages == 1 or line.rounds == ROUNDS:
            line.closed = True
            return
        f = figures(problem, selection, line.pattern)
        if ordered.actions is not None and (self._is_forced(line) or line.follows):
            opened.along = with_path(opened.along, problem, line.pattern, f, ordered.actions)
        elif ordered.actions is None:
            line.follows = False
        line.cuts += self._cuts(line, search, selection, f, ordered)

    def _cuts(
        self,
        line: Line,
        search: SplitSearch,
        selection: Selection,
        f: StageFigures,
        ordered: Ordered,
    ) -> list[Cut]:
        """What the schedule proves of plans that are all as long and, where memory binds, hold as
        much; where the order is forced, memory says whether it fits, not how long it takes."""
        assert search.ready is not None
        problem, pattern, count = search.ready.problem, line.pattern, search.split.microbatches
        least = cut_bound(search, f, ordered)
        if ordered.infeasible:  # any makespan is one that no such plan has
            least = NEVER * float(count * f.work.sum() + f.tail.sum())
        cut = monotone_cut(problem, selection, pattern, f, least)
        is_free = memory_never_binds(f, count, search.rooms)
        if is_free and not search.goal.soft_bytes:
            line.flights = []
        if is_free or (self._is_forced(line) and ordered.actions is not None):
            return [cut]
        return [] if has_measured(problem) else [with_memory(cut, problem, selection, pattern, f)]

    def _is_forced(self, line: Line) -> bool:
        """Whether all selections of a map are run in one order."""
        family, count = self.search.spec.train.pipeline.family, self.search.split.microbatches
        return (family in FORCED or count == 1) and not line.pattern.has_several_chunks
