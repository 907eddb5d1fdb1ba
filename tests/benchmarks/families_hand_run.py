"""The best hand strategy of a family: every one is priced, or shown not to be the best.

One after the other, or a few at a time, by the search that `mmp solve` runs. A strategy is given up
as soon as its lower bound reaches the best plan of those before it: it is then known to be no
better, which is all that is asked of it. So are those of which no plan exists.
"""

from __future__ import annotations

import math
import tempfile
import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field
from pathlib import Path

from dsl.load import load
from solver.cli.settle import settle
from solver.cli.tasks.spec import task_of
from solver.events import Event, Options, Progress
from solver.isolate.run import run
from solver.sweep.relay import Branch
from tests.benchmarks.families_hands import Hand

_NOW = 2  # the second signal ends a search at once
_NO_PLAN = "explaining"  # what the search does when it has proven that there is none
_UNKNOWN = "unknown"  # no plan, and no proof that there is none
_AGAIN = 4  # times as long for those
_READING = threading.Lock()  # the parser is for one thread at a time


@dataclass(frozen=True, slots=True)
class Priced:
    """A hand strategy: the step time of its plan in seconds, None without one; the bound of its
    search; `ended`: `proved` (its best plan), `planned` (best within the time), `not better` (than
    those before, by its bound), `no plan` (there is none), `unknown` (no plan within the time)."""

    name: str
    value: float | None
    bound: float | None
    ended: str


@dataclass(frozen=True, slots=True)
class Hands:
    """All hand strategies of a family. `best` is None where none has a plan; `text` is its spec;
    `ended` counts how they ended."""

    best: Priced | None
    text: str
    ended: dict[str, int]
    priced: tuple[Priced, ...]


@dataclass(slots=True)
class _Record:
    """The least step time so far, shared by the searches that run at a time."""

    value: float = math.inf
    lock: threading.Lock = field(default_factory=threading.Lock)

    def take(self, value: float) -> None:
        with self.lock:
            self.value = min(self.value, value)


def price_all(
    hands: list[Hand], seconds: float, jobs: int, tell: Callable[[Priced], None]
) -> Hands:
    """Price every strategy, `jobs` at a time, each within some seconds, and keep the best."""
    record = _Record()

    def attempt(some: list[Hand], limit: float) -> dict[str, Priced]:
        with ThreadPoolExecutor(jobs) as pool:
            futures = [pool.submit(_price, hand, limit, record) for hand in some]
            done = [_told(future.result(), tell) for future in as_completed(futures)]
        return {one.name: one for one in done}

    known = attempt(hands, seconds)
    open_ones = [hand for hand in hands if known[hand.name].ended == _UNKNOWN]
    known |= attempt(open_ones, seconds * _AGAIN)
    priced = tuple(known[hand.name] for hand in hands)
    found = [p for p in priced if p.value is not None]
    best = min(found, key=lambda p: p.value or 0.0, default=None)
    text = next((h.text for h in hands if best is not None and h.name == best.name), "")
    return Hands(best, text, dict(Counter(p.ended for p in priced)), priced)


def _told(priced: Priced, tell: Callable[[Priced], None]) -> Priced:
    tell(priced)
    return priced


def _price(hand: Hand, seconds: float, record: _Record) -> Priced:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "spec.mmp"
        path.write_text(hand.text, encoding="utf-8")
        with _READING:
            spec = load(path)
    watch = _Watch(record)
    task = task_of(spec)
    options = Options(time_limit_s=seconds, workers=1)
    result = run(task.search, spec, options, watch.observe, watch.branch)
    if watch.ended:
        return Priced(hand.name, None, result.bound, watch.ended)
    document = settle(result, task, options).document or {}
    value = document.get("objective", {}).get("value")
    if value is None:
        return Priced(hand.name, None, result.bound, _UNKNOWN)
    record.take(value)
    is_proved = document["outcome"]["stopped"] == "proved"
    return Priced(hand.name, value, result.bound, "proved" if is_proved else "planned")


@dataclass(slots=True)
class _Watch:
    """Ends a search that can no longer give the best strategy; `ended` says why."""

    record: _Record
    branch: Branch = field(default_factory=Branch)
    ended: str = ""

    def observe(self, event: Event) -> None:
        if self.ended or not isinstance(event, Progress):
            return
        if event.activity.startswith(_NO_PLAN):
            self.ended = "no plan"
        elif event.bound is not None and math.inf > self.record.value <= event.bound:
            self.ended = "not better"
        if self.ended:
            self.branch.hear(_NOW)
