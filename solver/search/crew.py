"""Other processes that bound splits while this one looks for plans.

Every split is a candidate of its own, so bounds can be asked for behind any
`concurrent.futures.Executor`: a pool of processes here, or the workers of a Dask cluster. A task
carries the spec with it; a worker reads it once.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import math
import multiprocessing
import pickle
import signal
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Literal

from dsl.spec import Spec
from solver.events import Options
from solver.search.frame import make_frame
from solver.search.goal import goal_of
from solver.search.ranges import joint
from solver.search.split import SplitSearch
from solver.space.mesh import splits

FEW = 24  # so many splits are bounded here before another process is up
SHORT = 4.0  # seconds: within less, a process is hardly up before the time is
DEPTH = 6  # tasks waiting or running per worker
BATCH = 6  # splits per task of quick looks

Step = Literal["range", "glance", "prepare", "tighten"]
"""One bound for all; a quick look; a bound by messages that is nearly what is needed; all that
messages give."""


@dataclass(frozen=True, slots=True)
class Bounded:
    """What is known of some splits: a lower bound, and whether it is proven that they have nothing
    better."""

    numbers: tuple[int, ...]
    step: Step
    bound: float
    closed: bool
    enough: float = math.inf  # what was asked for
    outlook: float = 0.0


def bound_splits(
    payload: bytes,
    step: Step,
    numbers: Sequence[int],
    cutoff: float,
    enough: float,
    seconds: float,
) -> list[Bounded]:
    """Bounds of some splits of a pickled (spec, unfold, whole axes), on plans below `cutoff`; those
    that are `enough` are not raised further."""
    end = time.monotonic() + seconds
    if step == "range":
        return bound_range([_searches(payload)[n] for n in numbers], numbers, cutoff, enough, end)
    found = []
    for number in numbers:
        if time.monotonic() > end:
            break
        search = _searches(payload)[number]
        search.glance(cutoff)
        if step != "glance" and not search.closed and search.bound < cutoff:
            search.prepare(cutoff, end, enough)
        found.append(Bounded((number,), step, search.bound, search.closed, outlook=search.outlook))
        search.forget()
    return found


def bound_range(
    searches: Sequence[SplitSearch],
    numbers: Sequence[int],
    cutoff: float,
    enough: float,
    end: float,
) -> list[Bounded]:
    """What one bound says of the splits of a range; nothing after `end`, on the monotonic clock."""
    if time.monotonic() > end:
        return []
    together = joint(searches)
    together.prepare(cutoff, end, enough)
    return [Bounded(tuple(numbers), "range", together.bound, together.closed, enough)]


def _searches(payload: bytes) -> list[SplitSearch]:
    return _read(hashlib.sha256(payload).digest(), payload)


@functools.lru_cache(maxsize=1)
def _read(_digest: bytes, payload: bytes) -> list[SplitSearch]:
    spec, unfold, whole_axes = pickle.loads(payload)
    frame, goal = make_frame(spec, unfold, whole_axes), goal_of(spec)
    return [SplitSearch(frame, split, goal) for split in splits(spec, frame.named)]


@dataclass
class Crew:
    """Tasks under way and what came back; `is_gone` when the workers are."""

    executor: Executor
    payload: bytes
    places: int
    pending: dict[Future[list[Bounded]], tuple[int, ...]] = field(default_factory=dict)
    is_gone: bool = False

    @property
    def has_room(self) -> bool:
        """Whether another task would soon be worked on."""
        return not self.is_gone and len(self.pending) < DEPTH * self.places

    def ask(
        self, step: Step, numbers: Sequence[int], cutoff: float, enough: float, seconds: float
    ) -> None:
        """Have some splits bounded."""
        try:
            task = self.executor.submit(
                bound_splits, self.payload, step, tuple(numbers), cutoff, enough, seconds
            )
        except RuntimeError:  # shut down, or a worker died
            self.is_gone = True
        else:
            self.pending[task] = () if step == "range" else tuple(numbers)

    def busy_with(self) -> set[int]:
        """Splits that are being looked at one by one."""
        return {number for numbers in self.pending.values() for number in numbers}

    def heard(self, seconds: float = 0.0) -> list[Bounded]:
        """What came back, after waiting at most so long for anything."""
        if self.pending and seconds > 0:
            wait(self.pending, seconds, FIRST_COMPLETED)
        found: list[Bounded] = []
        for task in [task for task in self.pending if task.done()]:
            del self.pending[task]
            try:
                found += task.result()
            except BrokenProcessPool:
                self.is_gone = True
        if self.is_gone:
            self.pending.clear()
        return found


@contextmanager
def crew_for(spec: Spec, options: Options, count: int) -> Iterator[Crew | None]:
    """Workers for a spec with `count` splits; None where they would not pay, or where runs must
    repeat: what a worker knows of the best plan depends on the clock."""
    local = options.workers - 1
    few = count < FEW or options.time_limit_s < SHORT or spec.objective[0] == "memory"
    if options.reproducible or few or (local < 1 and options.cluster is None):
        yield None
        return
    payload = pickle.dumps((spec, options.unfold, options.whole_axes))
    with _executor(options, local) as (executor, places):
        yield Crew(executor, payload, places)


@contextmanager
def _executor(options: Options, local: int) -> Iterator[tuple[Executor, int]]:
    if options.cluster is not None:
        from distributed import Client

        with Client(options.cluster, set_as_default=False) as client:
            yield client.get_executor(), max(1, sum(client.nthreads().values()))
        return
    context = multiprocessing.get_context("spawn")
    executor = ProcessPoolExecutor(local, context, initializer=_set_up)
    try:
        yield executor, local
    finally:
        with contextlib.suppress(RuntimeError):
            executor.shutdown(wait=False, cancel_futures=True)


def _set_up() -> None:
    """The search decides about interrupts."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
