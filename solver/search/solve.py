"""The search over all splits: bounds first, best bound first, every plan kept as it is found."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from dsl.spec import Spec
from solver.events import Document, Emit, Incumbent, Options, Progress
from solver.explain.conflict import Explainer
from solver.plan.document import Proof, document, memory_limit
from solver.search.effort import Effort
from solver.search.frame import make_frame
from solver.search.goal import Found, Goal, goal_of
from solver.search.memory import search_memory
from solver.search.split import SplitSearch
from solver.sharding.build import Frame
from solver.space.mesh import splits

GLANCE_SHARE = 0.3  # of the time limit
SKETCH_SHARE = 0.6  # of the time limit
ROOM = 0.6  # of a device's memory is left to what the forward saves
FAR = 1.1  # neighbours of plans this much worse than the best are not sketched
SKETCH_SECONDS = 1.0  # per split, for its searches
SKETCHES = 12  # splits sketched when runs must repeat
GRAIN = 1e-4  # gaps below this are the clock's grain, see solver/README.md section 9


def solve(spec: Spec, options: Options, emit: Emit, stop: threading.Event) -> Document:
    """The best plan within the limits, as a document; or why there is none.

    A second objective is pursued among the plans that are best in the first, within the split
    that was found; no bound is claimed for it.
    """
    search = _Search(spec, options, emit, stop, goal_of(spec))
    stopped = search.run()
    if search.best is None:
        return _none(spec, options, stop, stopped, search)
    best = search.best
    effort = search.effort()
    if len(spec.objective) > 1 and not effort.is_over():
        best = _second(search.frame, effort, best)
    return document(best.plan, Proof(search.bound(), stopped))


def _second(frame: Frame, effort: Effort, first: Found) -> Found:
    """The best plan in the second objective that is no worse in the first."""
    spec = frame.spec
    turned = replace(
        spec,
        objective=spec.objective[1:],
        limits=tuple(limit for limit in spec.limits if limit.weight is None),
    )
    plan = first.plan
    search = SplitSearch(replace(frame, spec=turned), plan.problem.split, _no_worse(spec, first))
    search.prepare(math.inf)
    if search.ready is None:
        return first
    better: list[Found] = []
    look_for(search, math.inf, effort, better.append)
    same_price = [f.plan for f in better if f.plan.broken == plan.broken]
    if not same_price:
        return first
    problem = replace(same_price[-1].problem, spec=spec)  # the spec's own objectives again
    return Found(replace(same_price[-1], problem=problem), first.value)


def _no_worse(spec: Spec, first: Found) -> Goal:
    """Limits of plans that are no worse than the first one, and pay no more for soft limits."""
    goal, step = goal_of(spec), first.plan.step_time
    rows = document(first.plan, Proof(0.0, "limit"))["memory"]
    used = max(row["peak_bytes"] - row["terms"]["reserve"] for row in rows)
    is_memory = spec.objective[0] == "memory"
    room = [max(limit.value, used) for limit in goal.soft_bytes]
    time_left = [max(limit.value, step) for limit in goal.soft_seconds]
    return Goal(
        min(used if is_memory else goal.capacity, *room, math.inf),
        min(goal.step_limit if is_memory else step, *time_left, math.inf),
    )


def look_for(
    search: SplitSearch, cutoff: float, effort: Effort, report: Callable[[Found], None]
) -> None:
    """Search a prepared split for the spec's objective."""
    if search.spec.objective[0] == "memory":
        limit = memory_limit(search.spec)
        search_memory(search, cutoff, effort, limit.reserve if limit else 0.0, report)
    else:
        search.search(cutoff, effort, report)


def _none(
    spec: Spec, options: Options, stop: threading.Event, stopped: str, search: _Search
) -> Document:
    """The document without a plan; a proven infeasibility is explained."""
    found: dict[str, Any] = {"conflict": [], "relaxations": []}
    if stopped == "proved":
        search.tell("explaining why there is no plan")
        explanation = Explainer(spec, options, stop).explain()
        found = {
            "conflict": list(explanation.conflict),
            "relaxations": list(explanation.relaxations),
            # Cut short, the conflict holds but may not be minimal, and ways out may be missing.
            "explanation": "cut short" if stop.is_set() else "complete",
        }
    return {"format": "mmp-plan/1", "outcome": {"stopped": stopped, "plan": "none"}, **found}


def describe(search: SplitSearch) -> str:
    """A split in words."""
    stages, microbatches = search.split.stages, search.split.microbatches
    words = f"{stages} stage{'s' if stages > 1 else ''}"
    return f"{words} x {microbatches} micro-batch{'es' if microbatches > 1 else ''}"


@dataclass
class _Search:
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
        graph = self.spec.graph
        batches = [i.size for op in graph.operators for i in op.indices if i.batch]
        self.batch = min(batches, default=1)
        kept = {u.tensor for op in graph.operators for u in op.inputs + op.results if u.saved}
        self.saved_bytes = math.fsum(
            math.prod(d.size for d in t.dims) * t.element_bytes
            for name, t in graph.tensors.items()
            if name in kept and t.role == "value"
        )

    def run(self) -> str:
        """Search until proved or out of time; why it stopped."""
        self.open = [
            SplitSearch(self.frame, split, self.goal)
            for split in splits(self.spec, self.frame.named)
        ]
        self._glance()
        if not self.minimizes_memory:
            self._sketch()
        steps = 0
        while self.open and not self._over():
            if self.options.reproducible and steps >= self.options.time_limit_s:
                break  # a second counts as one step, whatever the clock says
            self._step()
            steps += 1
        if self.best is None:
            proved = not self.open and self.closed_bound >= self.worst
        else:
            proved = self._gap() <= GRAIN
        if proved:
            return "proved"
        return "interrupted" if self.stop.is_set() else "limit"

    # ---- first looks -----------------------------------------------------------------------

    def _glance(self) -> None:
        """A quick bound for every split, the likeliest first; where splits are many the others wait
        until there are plans."""
        self.tell("bounding")
        self.open.sort(key=self._promise)
        for search in self.open:
            late = self._left() < (1 - GLANCE_SHARE) * self.options.time_limit_s
            if self.stop.is_set() or (late and not self.options.reproducible):
                break
            self._look_at(search)
        self.open = sorted((s for s in self.open if not s.closed), key=lambda s: s.bound)

    def _look_at(self, search: SplitSearch) -> None:
        search.glance()
        if self.minimizes_memory and not search.closed:
            search.bound = 0.0  # seconds say nothing about bytes

    def _sketch(self) -> None:
        """First plans from coarse strategies: for every pipeline the likeliest micro-batch count,
        then the neighbours of the best plans, for a share of the time or a number of splits."""
        done: dict[int, float] = {}  # number in self.open -> value of the sketch
        while not (self.stop.is_set() or self._over()):
            late = self._left() < (1 - SKETCH_SHARE) * self.options.time_limit_s
            if self.best and (len(done) >= SKETCHES if self.options.reproducible else late):
                return
            number = self._next_sketch(done)
            if number is None:
                return
            self._sketch_one(self.open[number])
            done[number] = self.open[number].estimate

    def _sketch_one(self, search: SplitSearch) -> None:
        self.tell("sketching " + describe(search))
        cutoff = self.best.value if self.best else self.worst
        search.sketch(cutoff, replace(self.effort(), seconds=SKETCH_SECONDS), self._found)

    def _next_sketch(self, done: dict[int, float]) -> int | None:
        """The split to sketch next: seeds first, then next to the best ones."""
        cutoff = self.best.value if self.best else self.worst
        waiting = [
            i
            for i, s in enumerate(self.open)
            if i not in done and s.glanced and s.bound < cutoff and not s.sketch_late
        ]
        if not waiting:
            return None
        seeds: dict[str, int] = {}
        for i in sorted(range(len(self.open)), key=lambda i: self._promise(self.open[i])):
            seeds.setdefault(" ".join(p.name for p in self.open[i].split.pipeline), i)
        first = [i for i in seeds.values() if i in waiting]
        if first:
            return first[0]
        near = {
            i: min((done[j] for j in done if self._adjacent(i, j)), default=math.inf)
            for i in waiting
        }
        number = min(waiting, key=lambda i: (near[i], self._promise(self.open[i])))
        # Far from good plans there is little to find: time is better spent on bounds.
        return None if self.best and near[number] > FAR * cutoff else number

    def _adjacent(self, i: int, j: int) -> bool:
        """Same pipeline and the next micro-batch count, or same count and one sub-axis more."""
        a, b = self.open[i].split, self.open[j].split
        if a.pipeline == b.pipeline:
            low, high = sorted((a.microbatches, b.microbatches))
            return high <= 2 * low
        fewer, more = sorted((a.pipeline, b.pipeline), key=len)
        joined = a.microbatches == b.microbatches and len(more) == len(fewer) + 1
        return joined and all(part in more for part in fewer)

    def _promise(self, search: SplitSearch) -> tuple[float, float]:
        """Likely good splits first: as few micro-batches as fill the pipeline, leave about one
        sample to a device and let what the forward saves fit; then few stages."""
        split = search.split
        devices = self.spec.mesh.devices / split.stages
        samples = self.batch / devices
        fitting = self.saved_bytes / (ROOM * self.goal.capacity * devices)
        wanted = max(samples, 2.0 * split.stages, fitting, 1.0)
        distance = abs(math.log2(split.microbatches / wanted))
        return (distance + 0.25 * math.log2(split.stages), search.bound)

    # ---- the loop --------------------------------------------------------------------------

    def _step(self) -> None:
        """Prepare the split with the least bound, or search it when it is ready."""
        cutoff = self.best.value if self.best else self.worst
        current = min(self.open, key=lambda s: (s.bound, s.estimate))
        if current.ready is not None:  # bounds cannot rise by preparing: search the likeliest
            ready = [s for s in self.open if s.ready is not None]
            current = min(ready, key=lambda s: (s.estimate, s.bound))
        if not current.glanced:
            self._look_at(current)
        elif current.ready is None:
            self.tell("bounding " + describe(current))
            current.prepare(math.inf if self.minimizes_memory else cutoff)
            if self.minimizes_memory and not current.closed:
                limit = memory_limit(self.spec)
                current.bound = current.memory_floor() + (limit.reserve if limit else 0.0)
            elif current.sketch_late and not current.closed:
                self._sketch_one(current)
                if math.isinf(cutoff) and not self._over():
                    current.tighten(self.best.value if self.best else self.worst)
        else:
            self.tell("searching " + describe(current))
            look_for(current, cutoff, self.effort(), self._found)
        if current.closed or current.bound >= (self.best.value if self.best else self.worst):
            self.open.remove(current)
            self.closed_bound = min(self.closed_bound, current.bound)
            current.ready = None

    def _found(self, found: Found) -> None:
        if self.best is None or found.value < self.best.value:
            self.best = found
            self.emit(Incumbent(document(found.plan, Proof(self.bound(), "limit"))))

    # ---- limits and bounds -----------------------------------------------------------------

    def _left(self) -> float:
        return self.options.time_limit_s - (time.monotonic() - self.began)

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

    def bound(self) -> float:
        """A lower bound on the objective of every plan."""
        value = self.best.value if self.best else self.worst
        return max(0.0, min([self.closed_bound, value, *(s.bound for s in self.open)]))

    def _gap(self) -> float:
        if self.best is None or not self.best.value:
            return math.inf if self.best is None else 0.0
        return (self.best.value - self.bound()) / self.best.value

    def tell(self, activity: str) -> None:
        """Report progress."""
        value = self.best.value if self.best else None
        bound = self.bound()
        self.emit(Progress(value, bound if math.isfinite(bound) else None, activity))
