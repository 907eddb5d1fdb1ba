"""The search over all splits: bounds first, best bound first, every plan kept as it is found."""

from __future__ import annotations

import math
import threading
import time
from dataclasses import dataclass, field

from dsl.spec import CutOver, Spec, StoredOver
from solver.events import Document, Emit, Incumbent, Options, Progress
from solver.plan.document import Proof, document
from solver.search.split import Effort, Found, SplitSearch
from solver.sharding.build import Frame
from solver.space.fold import fold, wiring
from solver.space.mesh import splits

SKETCH_SHARE = 0.25  # of the time limit
SKETCHES = 12  # splits sketched when runs must repeat
GRAIN = 1e-4  # gaps below this are the clock's grain, see solver/README.md section 9


def solve(spec: Spec, options: Options, emit: Emit, stop: threading.Event) -> Document:
    """The best plan within the limits, as a document; or why there is none."""
    return _Search(spec, options, emit, stop).run()


def named_parts(spec: Spec) -> frozenset[str]:
    """Sub-axes that a pin names apart from the rest of their axis."""
    whole = {axis.name: {p.name for p in axis.parts} for axis in spec.mesh.axes}
    axis_of = {p.name: p.axis for p in spec.mesh.parts}
    named: set[str] = set()
    asked = [
        r.parts
        for pin in spec.pins
        for r in pin.requirements
        if isinstance(r, CutOver | StoredOver)
    ]
    for parts in [*asked, spec.train.pipeline.parts or ()]:
        for part in parts:
            if not whole[axis_of[part]] <= set(parts):
                named.add(part)
    return frozenset(named)


def make_frame(spec: Spec) -> Frame:
    """What all splits share: wiring, folded classes, sub-axes that pins name."""
    wires = wiring(spec.graph)
    return Frame(spec, wires, fold(spec, wires), named_parts(spec))


def describe(search: SplitSearch) -> str:
    """A split in words."""
    return f"{search.split.stages} stages x {search.split.microbatches} micro-batches"


@dataclass
class _Search:
    spec: Spec
    options: Options
    emit: Emit
    stop: threading.Event
    best: Found | None = None
    began: float = field(default_factory=time.monotonic)

    def run(self) -> Document:
        frame = make_frame(self.spec)
        self.open = [SplitSearch(frame, split) for split in splits(self.spec, frame.named)]
        self.closed_bound = math.inf
        self._glance()
        self._sketch()
        while self.open and not self._over():
            self._step()
        stopped = (
            "proved"
            if not self.open or self._gap() <= GRAIN
            else ("interrupted" if self.stop.is_set() else "limit")
        )
        if self.best is None:
            return self._none(stopped)
        return document(self.best.plan, Proof(self._bound(), stopped))

    # ---- first looks -----------------------------------------------------------------------

    def _glance(self) -> None:
        """A quick bound for every split; the best come first from here on."""
        self._tell("bounding")
        for search in self.open:
            search.glance()
            if self.stop.is_set():
                return
        self.closed_bound = math.inf
        self.open = sorted((s for s in self.open if not s.closed), key=lambda s: s.bound)

    def _sketch(self) -> None:
        """First plans from coarse strategies, for a share of the time or a number of splits."""
        for done, search in enumerate(sorted(self.open, key=self._promise)):
            late = (
                self.options.time_limit_s - self._left() > SKETCH_SHARE * self.options.time_limit_s
            )
            enough = self.best is not None and (
                done >= SKETCHES if self.options.reproducible else late
            )
            if self.stop.is_set() or enough or self._over():
                return
            cutoff = self.best.value if self.best else math.inf
            if search.bound < cutoff:
                self._tell("sketching " + describe(search))
                search.sketch(cutoff, self._effort(), self._found)

    def _promise(self, search: SplitSearch) -> tuple[float, float]:
        """Likely good splits first: about one sample per device and micro-batch, at least two
        micro-batches per stage, few stages."""
        stages, m = search.split.stages, search.split.microbatches
        batches = [i.size for op in self.spec.graph.operators for i in op.indices if i.batch]
        samples = min(batches, default=1) * stages / self.spec.mesh.devices
        wanted = max(samples, 2.0 * stages, 1.0)
        return (abs(math.log2(m / wanted)) + 0.25 * math.log2(stages), search.bound)

    # ---- the loop --------------------------------------------------------------------------

    def _step(self) -> None:
        """Prepare the split with the least bound, or search it when it is ready."""
        cutoff = self.best.value if self.best else math.inf
        current = min(self.open, key=lambda s: (s.bound, s.ready is None))
        if current.ready is None:
            self._tell("bounding " + describe(current))
            current.prepare(cutoff)
        else:
            self._tell("searching " + describe(current))
            current.search(cutoff, self._effort(), self._found)
        if current.closed or current.bound >= (self.best.value if self.best else math.inf):
            self.open.remove(current)
            self.closed_bound = min(self.closed_bound, current.bound)
            current.ready = None

    def _found(self, found: Found) -> None:
        if self.best is None or found.value < self.best.value:
            self.best = found
            self.emit(Incumbent(document(found.plan, Proof(self._bound(), "limit"))))

    # ---- limits and bounds -----------------------------------------------------------------

    def _left(self) -> float:
        return self.options.time_limit_s - (time.monotonic() - self.began)

    def _over(self) -> bool:
        if self.stop.is_set() or self._gap() <= GRAIN:
            return True
        return not self.options.reproducible and self._left() <= 0

    def _effort(self) -> Effort:
        seconds = 10.0 if self.options.reproducible else min(10.0, max(0.5, self._left()))
        o = self.options
        return Effort(seconds, o.workers, o.seed, o.reproducible, self.stop)

    def _bound(self) -> float:
        value = self.best.value if self.best else math.inf
        return max(0.0, min([self.closed_bound, value, *(s.bound for s in self.open)]))

    def _gap(self) -> float:
        if self.best is None or not self.best.value:
            return math.inf if self.best is None else 0.0
        return (self.best.value - self._bound()) / self.best.value

    def _tell(self, activity: str) -> None:
        value = self.best.value if self.best else None
        bound = self._bound()
        self.emit(Progress(value, bound if math.isfinite(bound) else None, activity))

    def _none(self, stopped: str) -> Document:
        return {
            "format": "mmp-plan/1",
            "outcome": {"stopped": stopped, "plan": "none"},
            "conflict": [],
            "relaxations": [],
        }
