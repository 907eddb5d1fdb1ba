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
from solver.space.fold import fold, wiring
from solver.space.mesh import splits

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


@dataclass
class _Search:
    spec: Spec
    options: Options
    emit: Emit
    stop: threading.Event
    best: Found | None = None
    began: float = field(default_factory=time.monotonic)

    def run(self) -> Document:
        wires = wiring(self.spec.graph)
        classes = fold(self.spec, wires)
        named = named_parts(self.spec)
        self.open = [
            SplitSearch(self.spec, split, wires, classes, named)
            for split in splits(self.spec, named)
        ]
        self.closed_bound = math.inf
        self._tell("bounding")
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

    # ---- the loop --------------------------------------------------------------------------

    def _step(self) -> None:
        """Prepare the split with the least bound, or search it when it is ready."""
        cutoff = self.best.value if self.best else math.inf
        current = min(self.open, key=lambda s: (s.bound, s.ready is None))
        ready = [s for s in self.open if s.ready is not None]
        if self.best is None and len(ready) >= 3:
            current = min(ready, key=lambda s: s.bound)
        if current.ready is None:
            current.prepare(cutoff)
        else:
            self._tell(f"searching {len(current.split.pipeline)}")
            current.search(cutoff, self._effort(), self._found)
        if current.closed or current.bound >= (self.best.value if self.best else math.inf):
            self.open.remove(current)
            self.closed_bound = min(self.closed_bound, current.bound)
        self._tell("searching")

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
