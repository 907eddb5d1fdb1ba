"""Is there any plan at all? The question that conflicts are found with."""

from __future__ import annotations

import math
import threading
from enum import Enum

from dsl.spec import Spec
from solver.search.solve import make_frame
from solver.search.split import Effort, SplitSearch
from solver.space.mesh import splits


class Verdict(Enum):
    """`YES`: a plan was found. `NO`: proven that there is none. `UNKNOWN`: neither, in the time."""

    YES = "yes"
    NO = "no"
    UNKNOWN = "unknown"


def feasible(spec: Spec, seconds: float, workers: int, seed: int, stop: threading.Event) -> Verdict:
    """Look for any plan, ignoring cost; splits that need least memory come first."""
    frame = make_frame(spec)
    effort = Effort(seconds, workers, seed, True, stop)
    verdict = Verdict.NO
    order = sorted(splits(spec, frame.named), key=lambda s: (-s.microbatches, s.stages))
    for split in order:
        if stop.is_set():
            return Verdict.UNKNOWN
        search = SplitSearch(frame, split)
        search.prepare(math.inf)
        if search.closed:
            continue
        if search.any_plan(effort):
            return Verdict.YES
        if not search.never_fits():
            verdict = Verdict.UNKNOWN
    return verdict
