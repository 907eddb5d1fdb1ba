"""Is there any plan at all? The question that conflicts are found with."""

from __future__ import annotations

import threading
from dataclasses import replace
from enum import Enum

from dsl.spec import Spec
from solver.events import Event, Incumbent, Options
from solver.search.effort import Effort
from solver.search.frame import make_frame
from solver.search.goal import goal_of
from solver.search.loop import Search
from solver.search.split import SplitSearch
from solver.space.mesh import splits

STEPS = 8  # of the search of a spec, where it is asked for a proof


class Verdict(Enum):
    """`YES`: a plan was found. `NO`: proven that there is none. `UNKNOWN`: neither, in the time."""

    YES = "yes"
    NO = "no"
    UNKNOWN = "unknown"


def feasible(spec: Spec, seconds: float, options: Options, stop: threading.Event) -> Verdict:
    """Look for any plan in the space that the options leave, ignoring cost, for so many
    deterministic seconds a question; splits that need least memory come first."""
    frame = make_frame(spec, options.unfold, options.whole_axes)
    goal = goal_of(spec)
    effort = Effort(seconds, options.workers, options.seed, True, stop)
    order = sorted(splits(spec, frame.named), key=lambda s: (-s.microbatches, s.stages))
    searches = [SplitSearch(frame, split, goal) for split in order]
    for search in searches:
        search.glance()
    alive = [s for s in searches if not s.closed and s.bound <= goal.step_limit]
    for search in alive:  # few strategies are enough to show that there is a plan
        if stop.is_set():
            return Verdict.UNKNOWN
        if search.any_plan(effort, coarse=True):
            return Verdict.YES
    verdict = Verdict.NO
    for search in alive:
        if stop.is_set():
            return Verdict.UNKNOWN
        search.prepare(goal.step_limit)
        if search.closed or search.lacks_memory():
            continue
        if search.any_plan(effort, coarse=False):
            return Verdict.YES
        verdict = Verdict.UNKNOWN
    return verdict


def settled(spec: Spec, options: Options, stop: threading.Event) -> Verdict:
    """The same question to the whole search, which proves what `feasible` leaves open; it ends with
    its first plan, or after a few steps."""
    enough = threading.Event()

    def hear(event: Event) -> None:
        if isinstance(event, Incumbent) or stop.is_set():
            enough.set()

    limited = replace(options, reproducible=True, time_limit_s=float(STEPS), cluster=None)
    search = Search(spec, limited, hear, enough, goal_of(spec))
    stopped = search.run()
    if search.best is not None:
        return Verdict.YES
    return Verdict.NO if stopped == "proved" else Verdict.UNKNOWN
