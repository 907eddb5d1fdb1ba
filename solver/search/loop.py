"""The search over all splits: bounds first, best bound first, every plan kept as it is found."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from dsl.spec import Spec
from solver.events import Emit, Incumbent, Options, Progress
from solver.plan.document import Proof, document, memory_limit
from solver.search.bounding import Bounding
from solver.search.crew import crew_for
from solver.search.effort import Effort
from solver.search.frame import make_frame
from solver.search.goal import Found, Goal
from solver.search.likely import Likely
from solver.search.memory import search_memory
from solver.search.planning import Planning, describe
from solver.search.split import SplitSearch
from solver.space.mesh import splits

FIRST_TURN = 0.3  # seconds, at least, for a split's first search
GRAIN = 1e-4  # gaps below this are the clock's grain, see solver/README.md section 9
PATIENCE = 0.2  # seconds between looks at what the crew has done


def look_for(
    search: SplitSearch, cutoff: float, effort: Effort, report: Callable[[Found], None]
) -> None:
    """Search a prepared split for the spec's objective."""
    if search.spec.objective[0] == "memory":
        limit = memory_limit(search.spec)
        search_memory(search, cutoff, effort, limit.reserve if limit else 0.0, report)
    else:
        search.search(cutoff, effort, report)


@dataclass
class Search:
    """One search: `best` is the best plan so far."""

    spec: Spec
    options: Options
    emit: Emit
    stop: threading.Event
    goal: Goal
    best: Found | None = None
    began: float = field(default_factory=time.monotonic)

    def __post_init__(self) -> None:
        options = self.options
        self.frame = make_frame(self.spec, options.unfold, options.whole_axes)
        self.minimizes_memory = self.spec.objective[0] == "memory"
        # A plan within a step time limit costs at most that, and all that can be paid beside it.
        weights = math.fsum(pin.weight or 0.0 for pin in self.spec.pins)
        most = self.goal.step_limit + weights
        if math.isfinite(most):
            most += self.goal.charge(self.goal.capacity, self.goal.step_limit)
        self.worst = math.inf if self.minimizes_memory else most
        if math.isfinite(self.worst):
            self.worst *= 1 + 1e-9
        self.closed_bound = math.inf
        self.likely = Likely(self.spec, self.goal)
        self.bounding, self.planning = Bounding(self), Planning(self)

    @property
    def cutoff(self) -> float:
        """Only plans below this are of interest."""
        return self.best.value if self.best else self.worst

    def run(self) -> str:
        """Search until proved or out of time; why it stopped."""
        found = splits(self.spec, self.frame.named)
        self.all = [SplitSearch(self.frame, split, self.goal) for split in found]
        self.open = sorted(self.all, key=self.likely.promise)
        self.number = {id(search): n for n, search in enumerate(self.all)}
        with crew_for(self.spec, self.options, len(found)) as crew:
            self.bounding.crew = crew
            self._search()
        if self.best is None:
            proved = not self.open and self.closed_bound >= self.worst
        else:
            proved = self.gap() <= GRAIN
        if proved:
            return "proved"
        return "interrupted" if self.stop.is_set() else "limit"

    def _search(self) -> None:
        self.bounding.glance()
        if not self.minimizes_memory:
            self.planning.sketch()
        steps = 0
        while True:
            if self.planning.may_divide():
                self.planning.divide()
            if not self.open or self.is_over():
                break
            if self.options.reproducible and steps >= self.options.time_limit_s:
                break  # a second counts as one step, whatever the clock says
            self.bounding.collect()
            steps += self._step()

    def look_at(self, search: SplitSearch) -> None:
        """A quick bound of one split."""
        search.glance(math.inf if self.minimizes_memory else self.cutoff)
        if self.minimizes_memory and not search.closed:
            search.bound = 0.0  # seconds say nothing about bytes

    # ---- the loop --------------------------------------------------------------------------

    def _step(self) -> bool:
        """The next most useful thing; whether it counts as a step."""
        if self.bounding.ranges.is_new:
            self.bounding.bound_range()
            return False
        dealt = self.planning.to_deal()
        if dealt is not None:
            self.planning.deal(dealt)
            self.drop_if_done(dealt)
            return True
        idle = [s for s in self.open if not self.bounding.is_busy(s)]
        if not idle:
            self.bounding.collect(PATIENCE)
            return False
        current = min(idle, key=lambda s: (s.bound, s.estimate))
        rough = self.bounding.next_refined(idle) if self.bounding.crew is not None else []
        if rough and not self.bounding.turn and self.bounding.ranges.waiting:
            self.bounding.bound_range()  # what holds the bound of all down is in a range
            return False
        if rough:
            current = rough[0]
        elif current.ready is not None:  # bounds cannot rise by preparing: search the likeliest
            ready = [s for s in idle if s.ready is not None]
            current = min(ready, key=lambda s: (s.turns, s.estimate, s.bound))
        counts = True
        if not current.glanced:
            self.look_at(current)
            counts = False
        elif current.ready is None:
            self._prepare(current)
        elif not current.tight:  # whatever bounds can tell comes before a search that closes
            current.tighten(self.cutoff, self.deadline())
            current.tight = True
        else:
            self.tell("searching " + describe(current))
            look_for(current, self.cutoff, self._turn_of(current), self.found)
            current.turns += 1
        self.drop_if_done(current)
        return counts

    def _prepare(self, search: SplitSearch) -> None:
        self.tell("bounding " + describe(search))
        cutoff = math.inf if self.minimizes_memory else self.cutoff
        alone = self.bounding.crew is None
        search.prepare(cutoff, self.deadline(), math.inf if alone else self.bounding.enough())
        search.refined = True
        search.tight = alone
        if self.minimizes_memory and not search.closed:
            limit = memory_limit(self.spec)
            search.bound = search.memory_floor() + (limit.reserve if limit else 0.0)
        elif search.sketch_late and not search.closed and not self.frame.stages_differ:
            self.planning.sketch_one(search)
            if math.isinf(cutoff) and not self.is_over():
                search.tighten(self.cutoff, self.deadline())

    def drop_if_done(self, search: SplitSearch) -> None:
        """Close a split that has nothing better than the best plan."""
        if search in self.open and (search.closed or search.bound >= self.cutoff):
            self.open.remove(search)
            self.closed_bound = min(self.closed_bound, search.bound)
            search.forget()

    def found(self, found: Found) -> None:
        """Keep a plan if it is better, and report it."""
        if self.best is None or found.value < self.best.value:
            self.best = found
            self.emit(Incumbent(document(found.plan, Proof(self.bound(), "limit"))))

    # ---- limits and bounds -----------------------------------------------------------------

    def left(self) -> float:
        """Seconds of the time limit."""
        return self.options.time_limit_s - (time.monotonic() - self.began)

    def deadline(self) -> float:
        """When the time is over, on the monotonic clock; never where runs must repeat."""
        if self.options.reproducible:
            return math.inf
        return self.began + self.options.time_limit_s

    def is_over(self) -> bool:
        """Whether to stop: asked to, out of time, or proved."""
        if self.stop.is_set() or self.gap() <= GRAIN:
            return True
        return not self.options.reproducible and self.left() <= 0

    def effort(self) -> Effort:
        """For the next part of the search: what is left, but not all of it at once."""
        seconds = 2.0 if self.options.reproducible else min(10.0, max(0.5, self.left()))
        o = self.options
        deadline = self.began + o.time_limit_s
        return Effort(seconds, o.workers, o.seed, o.reproducible, self.stop, deadline)

    def _turn_of(self, search: SplitSearch) -> Effort:
        """Every split has a turn before the first one has all the time; turns become longer."""
        effort = self.effort()
        if self.options.reproducible:
            return effort
        share = max(FIRST_TURN * 2**search.turns, self.left() / (4 * len(self.open)))
        return replace(effort, deadline=min(effort.deadline, time.monotonic() + share))

    def bound(self) -> float:
        """A lower bound on the objective of every plan."""
        return max(0.0, min([self.closed_bound, self.cutoff, *(s.bound for s in self.open)]))

    def gap(self) -> float:
        """Relative distance of the best plan from the bound; infinite without a plan."""
        if self.best is None or not self.best.value:
            return math.inf if self.best is None else 0.0
        return (self.best.value - self.bound()) / self.best.value

    def tell(self, activity: str) -> None:
        """Report progress."""
        value = self.best.value if self.best else None
        bound = self.bound()
        self.emit(Progress(value, bound if math.isfinite(bound) else None, activity))
