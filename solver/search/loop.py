"""The search over all splits: bounds first, best bound first, every plan kept as it is found."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from dsl.spec import Spec, SubAxis
from solver.events import Emit, Incumbent, Options, Progress
from solver.plan.document import Proof, document, memory_limit
from solver.search.chunked import divided, gain, with_words
from solver.search.crew import BATCH, Bounded, Crew, Step, bound_range, crew_for
from solver.search.effort import Effort
from solver.search.frame import make_frame
from solver.search.goal import Found, Goal
from solver.search.likely import Likely
from solver.search.memory import search_memory
from solver.search.ranges import Ranges, apply_to
from solver.search.split import SplitSearch
from solver.space.mesh import splits

GLANCE_SHARE = 0.3  # of the time limit
SKETCH_SHARE = 0.6  # of the time limit
FAR = 1.1  # neighbours of plans this much worse than the best are not sketched
SKETCH_SECONDS = 1.0  # per split, for its searches
SKETCHES = 12  # splits sketched when runs must repeat
DEAL_SECONDS = 2.0  # per split, for the choices of its stages
DEAL_SHARE = 0.12  # of the time limit, at most for one split
FIRST_TURN = 0.3  # seconds, at least, for a split's first search
GRAIN = 1e-4  # gaps below this are the clock's grain, see solver/README.md section 9
OWN_SECONDS = 0.5  # for first looks here, while the crew comes up
NEARLY, FAR_UP = 0.95, 1.3  # bounds high enough at first: of the best plan, of the least bound
FIRST_LOOKS = 24  # splits looked at before those that are bounded by ranges
RANGE_ENOUGH = 0.92  # of the best plan: bounds of ranges that are not raised further
RANGE_UP = 1.3  # of the least bound of all: how far a range is raised at once
WORTH = 5e-4  # relative: a bound so near to the best plan leaves too little to deal for
AMONG = 1.02  # splits are dealt whose bound is at most so much above the least one refined
SURE = 1.3  # and at most so much above the least bound of all
FAR_BELOW = 0.8  # of the best plan: a bound that leaves enough to deal for in any case
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


def describe(search: SplitSearch) -> str:
    """A split in words."""
    stages, microbatches = search.split.stages, search.split.microbatches
    words = f"{stages} stage{'s' if stages > 1 else ''}"
    return f"{words} x {microbatches} micro-batch{'es' if microbatches > 1 else ''}"


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
        self.crew: Crew | None = None
        self.turn = False
        self.ranges = Ranges()
        self.divided: set[tuple[tuple[SubAxis, ...], int]] = set()

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
            self.crew = crew
            self._search()
        if self.best is None:
            proved = not self.open and self.closed_bound >= self.worst
        else:
            proved = self._gap() <= GRAIN
        if proved:
            return "proved"
        return "interrupted" if self.stop.is_set() else "limit"

    def _search(self) -> None:
        self._glance()
        if not self.minimizes_memory:
            self._sketch()
        steps = 0
        while True:
            if self._may_divide():
                self._divide()
            if not self.open or self._over():
                break
            if self.options.reproducible and steps >= self.options.time_limit_s:
                break  # a second counts as one step, whatever the clock says
            self._collect()
            steps += self._step()

    # ---- the crew --------------------------------------------------------------------------

    def _collect(self, seconds: float = 0.0) -> None:
        """Hear what other processes found, and give them more to do."""
        if self.crew is None:
            return
        for each in self.crew.heard(seconds):
            self._learn(each)
        while self.crew.has_room and (found := self._next_range()) is not None:
            self.crew.ask("range", found[0], self.cutoff, found[1], max(0.0, self._left()))
        busy = self.crew.busy_with()
        waiting = [s for s in self.open if self.number[id(s)] not in busy]
        while self.crew.has_room and waiting:
            step: Step = "prepare"
            chosen = self._next_refined(waiting)
            if not chosen:
                step, chosen = "tighten", self._next_tight(waiting)
            if not chosen:
                return
            self._ask(step, chosen)
            waiting = [s for s in waiting if s not in chosen]

    def _learn(self, bounded: Bounded) -> None:
        """Bounds that were found in another process, or of a range."""
        for number in bounded.numbers:
            search = self.all[number]
            if search.closed or search not in self.open:
                continue
            search.glanced = True
            search.ranged |= bounded.step == "range"
            search.refined |= bounded.step in ("prepare", "tighten")
            search.tight |= bounded.step == "tighten"
            search.bound = max(search.bound, bounded.bound)
            search.outlook = max(search.outlook, bounded.outlook)
            if bounded.closed:
                search.close(search.bound)
            self._drop_if_done(search)
        if bounded.step == "range" and bounded.bound < RANGE_ENOUGH * self.cutoff:
            self.ranges.learn(bounded.numbers, bounded.bound, bounded.enough)

    def _next_range(self) -> tuple[tuple[int, ...], float] | None:
        """The range of least bound that matters, and how far to raise that for now: to what the
        best plan needs, but not far above the least bound of all; at first as far as is quick."""
        while self.ranges.waiting:
            numbers = self.ranges.take()
            if any(self.all[n] in self.open for n in numbers):
                least = min((s.bound for s in self.open), default=0.0)
                return numbers, min(RANGE_ENOUGH * self.cutoff, RANGE_UP * least)
        return None

    def _bound_range(self) -> None:
        """Bound a range here."""
        found = self._next_range()
        if found is None:
            return
        numbers, enough = found
        searches = [self.all[n] for n in numbers]
        self.tell(f"bounding {searches[0].split.stages} stages together")
        for each in bound_range(searches, numbers, self.cutoff, enough, self._deadline()):
            self._learn(each)

    def _ask(self, step: Step, searches: Sequence[SplitSearch]) -> None:
        assert self.crew is not None
        numbers = [self.number[id(s)] for s in searches]
        enough = self._enough() if step == "prepare" else math.inf
        self.crew.ask(step, numbers, self.cutoff, enough, max(0.0, self._left()))

    def _enough(self) -> float:
        """A bound that at first need not be raised further: near the best plan, or so far above the
        least bound of all that others come first."""
        least = min((s.bound for s in self.open if s.glanced), default=math.inf)
        if self.ranges.searches:
            return NEARLY * self.cutoff  # ranges see to it that others come first
        return min(NEARLY * self.cutoff, FAR_UP * least)

    def _next_refined(self, waiting: Sequence[SplitSearch]) -> list[SplitSearch]:
        """In turn the split of least bound, which holds the bound of all down, and a likely one,
        whose bound tells where to look for plans. The latter alone at first: with a good plan at
        hand bounds are sooner high enough."""
        rough = [s for s in waiting if s.glanced and not s.refined and s.ready is None]
        self.turn = not self.turn or not any(s.dealt for s in self.all)
        key = self.likely.soon if self.turn else (lambda s: (s.bound, 0.0))
        return sorted(rough, key=key)[:1]

    def _next_tight(self, waiting: Sequence[SplitSearch]) -> list[SplitSearch]:
        """The split that holds the bound of all down, when all have been refined."""
        if not all(s.refined for s in self.open):
            return []
        loose = [s for s in waiting if not s.tight]
        return sorted(loose, key=lambda s: s.bound)[:1]

    def _is_busy(self, search: SplitSearch) -> bool:
        return self.crew is not None and self.number[id(search)] in self.crew.busy_with()

    # ---- first looks -----------------------------------------------------------------------

    def _glance(self) -> None:
        """A quick bound for every split, the likeliest first; where splits are many the others wait
        until there are plans, or are looked at by the crew, together where they are very many."""
        self.tell("bounding")
        begin = time.monotonic()
        if self.crew is not None and apply_to(self.spec, len(self.all)):
            self.ranges.begin(self.all)
        for number, search in enumerate(self.open):
            if self.ranges.waiting and number >= FIRST_LOOKS:
                break
            is_long = self.crew is not None and time.monotonic() - begin > OWN_SECONDS
            if is_long and not self.ranges.waiting:
                for first in range(number, len(self.open), BATCH):
                    self._ask("glance", self.open[first : first + BATCH])
                break
            late = self._left() < (1 - GLANCE_SHARE) * self.options.time_limit_s
            if self.stop.is_set() or (late and not self.options.reproducible):
                break
            self._look_at(search)
        self.open = [s for s in self.open if not s.closed]
        self._collect()

    def _look_at(self, search: SplitSearch) -> None:
        search.glance(math.inf if self.minimizes_memory else self.cutoff)
        if self.minimizes_memory and not search.closed:
            search.bound = 0.0  # seconds say nothing about bytes

    def _sketch(self) -> None:
        """First plans from coarse strategies: for every pipeline the likeliest micro-batch count,
        then the neighbours of the best plans, for a share of the time or a number of splits. One is
        enough where stages can be dealt."""
        done: dict[int, float] = {}  # number in self.all -> value of the sketch
        while not (self.stop.is_set() or self._over()):
            late = self._left() < (1 - SKETCH_SHARE) * self.options.time_limit_s
            enough = len(done) >= SKETCHES if self.options.reproducible else late
            if self.best and (enough or self.frame.stages_differ):
                return
            self._collect()
            near = FAR * self.cutoff if self.best else math.inf
            search = self.likely.next_sketch(self.all, done, self.cutoff, near)
            if search is None:
                return
            if not search.glanced:
                self._look_at(search)
                continue
            self._sketch_one(search)
            done[self.number[id(search)]] = search.estimate

    def _sketch_one(self, search: SplitSearch) -> None:
        self.tell("sketching " + describe(search))
        search.sketch(self.cutoff, replace(self.effort(), seconds=SKETCH_SECONDS), self._found)

    # ---- the loop --------------------------------------------------------------------------

    def _step(self) -> bool:
        """The next most useful thing; whether it counts as a step."""
        if self.ranges.is_new:
            self._bound_range()
            return False
        dealt = self._to_deal()
        if dealt is not None:
            self._deal(dealt)
            self._drop_if_done(dealt)
            return True
        idle = [s for s in self.open if not self._is_busy(s)]
        if not idle:
            self._collect(PATIENCE)
            return False
        current = min(idle, key=lambda s: (s.bound, s.estimate))
        rough = self._next_refined(idle) if self.crew is not None else []
        if rough:
            current = rough[0]
        elif current.ready is not None:  # bounds cannot rise by preparing: search the likeliest
            ready = [s for s in idle if s.ready is not None]
            current = min(ready, key=lambda s: (s.turns, s.estimate, s.bound))
        counts = True
        if not current.glanced:
            self._look_at(current)
            counts = False
        elif current.ready is None:
            self._prepare(current)
        elif not current.tight:  # whatever bounds can tell comes before a search that closes
            current.tighten(self.cutoff, self._deadline())
            current.tight = True
        else:
            self.tell("searching " + describe(current))
            look_for(current, self.cutoff, self._turn_of(current), self._found)
            current.turns += 1
        self._drop_if_done(current)
        return counts

    def _prepare(self, search: SplitSearch) -> None:
        self.tell("bounding " + describe(search))
        cutoff = math.inf if self.minimizes_memory else self.cutoff
        search.prepare(cutoff, self._deadline(), math.inf if self.crew is None else self._enough())
        search.refined = True
        search.tight = self.crew is None
        if self.minimizes_memory and not search.closed:
            limit = memory_limit(self.spec)
            search.bound = search.memory_floor() + (limit.reserve if limit else 0.0)
        elif search.sketch_late and not search.closed and not self.frame.stages_differ:
            self._sketch_one(search)
            if math.isinf(cutoff) and not self._over():
                search.tighten(self.cutoff, self._deadline())

    def _to_deal(self) -> SplitSearch | None:
        """A split worth a plan in which every stage makes its own choices: of those refined the one
        that promises most, if others are not likely to be better yet."""
        if not self.frame.stages_differ or self.minimizes_memory:
            return None
        expected = {id(s): max(s.bound, s.outlook) for s in self.open if s.refined}
        least = min(expected.values(), default=math.inf)
        worth = self.cutoff * (1 - WORTH)
        left = [s for s in self.open if s.refined and not s.dealt and expected[id(s)] < worth]
        if not left:
            return None
        likeliest = min(left, key=lambda s: expected[id(s)])
        if all(s.refined for s in self.open) or not any(s.dealt for s in self.all):
            return likeliest  # a plan within reach makes all other bounds cheaper
        lowest = min((s.bound for s in self.open if s.glanced), default=0.0)
        near = max(min(AMONG * least, SURE * lowest), FAR_BELOW * self.cutoff)
        return likeliest if expected[id(likeliest)] <= near else None

    def _deal(self, search: SplitSearch) -> None:
        known, is_ready = search.bound, search.ready is not None
        if not (is_ready and search.tight):
            (search.tighten if is_ready else search.prepare)(self.cutoff, self._deadline())
            search.refined = search.tight = True
            is_less = max(search.bound, search.outlook) > known * (1 + WORTH)
            if is_less and self._to_deal() is not search:
                search.forget()  # with its bound in full, another one is likelier
                return
        if search.closed or search.bound >= self.cutoff:
            return
        self.tell("dealing " + describe(search))
        most = time.monotonic() + max(DEAL_SECONDS, DEAL_SHARE * self.options.time_limit_s)
        effort = self.effort()
        effort = replace(effort, seconds=DEAL_SECONDS, deadline=min(effort.deadline, most))
        search.deal(self.cutoff, effort, self._found)
        if self.crew is not None:
            search.forget()  # tables of many splits are large

    def _may_divide(self) -> bool:
        """Whether more chunks per stage are worth a try: they can save more of the best plan's ramp
        than what else is left to find."""
        if self.best is None or self.minimizes_memory or self.stop.is_set():
            return False
        split = self.best.plan.problem.split
        tried = (split.pipeline, split.microbatches) in self.divided
        return not tried and gain(self.spec, split) > max(GRAIN, self._gap())

    def _divide(self) -> None:
        """Look for plans with more chunks per stage in the best plan's split. Where one is better,
        what was tried belongs to the space that the bound is for."""
        assert self.best is not None
        split = self.best.plan.problem.split
        self.divided.add((split.pipeline, split.microbatches))
        tried: list[SplitSearch] = []

        def keep(found: Found) -> None:
            if found.value < self.cutoff:
                self.closed_bound = min(self.closed_bound, *(s.bound for s in tried))
                self._found(with_words(found, tried))

        for search in divided(self.frame, split, self.goal):
            is_late = self._left() < SKETCH_SECONDS and not self.options.reproducible
            if self.stop.is_set() or is_late:
                break
            tried.append(search)
            self.tell(f"trying {search.spec.train.pipeline.chunks} chunks, {describe(search)}")
            search.prepare(self.cutoff, self._deadline())
            if not search.closed and search.bound < self.cutoff:
                search.sketch(self.cutoff, replace(self.effort(), seconds=SKETCH_SECONDS), keep)
            search.forget()

    def _drop_if_done(self, search: SplitSearch) -> None:
        if search in self.open and (search.closed or search.bound >= self.cutoff):
            self.open.remove(search)
            self.closed_bound = min(self.closed_bound, search.bound)
            search.forget()

    def _found(self, found: Found) -> None:
        if self.best is None or found.value < self.best.value:
            self.best = found
            self.emit(Incumbent(document(found.plan, Proof(self.bound(), "limit"))))

    # ---- limits and bounds -----------------------------------------------------------------

    def _left(self) -> float:
        return self.options.time_limit_s - (time.monotonic() - self.began)

    def _deadline(self) -> float:
        if self.options.reproducible:
            return math.inf
        return self.began + self.options.time_limit_s

    def _over(self) -> bool:
        if self.stop.is_set() or self._gap() <= GRAIN:
            return True
        return not self.options.reproducible and self._left() <= 0

    def effort(self) -> Effort:
        """For the next part of the search: what is left, but not all of it at once."""
        seconds = 2.0 if self.options.reproducible else min(10.0, max(0.5, self._left()))
        o = self.options
        deadline = self.began + o.time_limit_s
        return Effort(seconds, o.workers, o.seed, o.reproducible, self.stop, deadline)

    def _turn_of(self, search: SplitSearch) -> Effort:
        """Every split has a turn before the first one has all the time; turns become longer."""
        effort = self.effort()
        if self.options.reproducible:
            return effort
        share = max(FIRST_TURN * 2**search.turns, self._left() / (4 * len(self.open)))
        return replace(effort, deadline=min(effort.deadline, time.monotonic() + share))

    def bound(self) -> float:
        """A lower bound on the objective of every plan."""
        return max(0.0, min([self.closed_bound, self.cutoff, *(s.bound for s in self.open)]))

    def _gap(self) -> float:
        if self.best is None or not self.best.value:
            return math.inf if self.best is None else 0.0
        return (self.best.value - self.bound()) / self.best.value

    def tell(self, activity: str) -> None:
        """Report progress."""
        value = self.best.value if self.best else None
        bound = self.bound()
        self.emit(Progress(value, bound if math.isfinite(bound) else None, activity))
