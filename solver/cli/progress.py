"""How the search is getting on, on standard error: a live line on a terminal, else sparse lines."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from rich.text import Text

from solver.cli import streams
from solver.cli.report.words import amount, percent
from solver.events import Event, Incumbent, Progress

SPARSE_S = 5.0  # seconds between two lines where there is no terminal


@dataclass(slots=True)
class Status:
    """What is known so far, in the unit of `objective`."""

    objective: str
    started: float = field(default_factory=time.monotonic)
    value: float | None = None
    bound: float | None = None
    activity: str = "starting"

    def take(self, event: Event) -> None:
        """Learn from an event."""
        match event:
            case Progress(value, bound, activity):
                self.value, self.bound, self.activity = value, bound, activity
            case Incumbent(document):
                objective = document.get("objective", {})
                self.value = objective.get("value", self.value)
                self.bound = objective.get("bound", self.bound)

    def line(self, now: float) -> str:
        """One line: time, incumbent, bound, gap, activity."""
        parts = [f"{now - self.started:5.1f} s"]
        if self.value is None:
            parts.append("no plan yet")
        else:
            parts.append(f"{self.objective} {amount(self.objective, self.value)}")
        if self.bound is not None:
            parts.append(f"bound {amount(self.objective, self.bound)}")
        if self.value is not None and self.bound is not None and self.value > 0:
            parts.append(f"gap {percent(max(0.0, (self.value - self.bound) / self.value))}")
        return "  ".join([*parts, self.activity])


@contextmanager
def following(objective: str) -> Iterator[Callable[[Event], None]]:
    """A function that shows each event it is given, until the context ends."""
    status = Status(objective)
    if sys.stderr is not None and sys.stderr.isatty():
        with _live(status):
            yield status.take
    else:
        yield Sparse(status).take


@dataclass(slots=True)
class Sparse:
    """Plain lines, at most one in `SPARSE_S` seconds, and only when there is news."""

    status: Status
    write: Callable[[str], None] = streams.note
    clock: Callable[[], float] = time.monotonic
    last: float | None = None

    def take(self, event: Event) -> None:
        """Learn from an event and maybe print a line."""
        self.status.take(event)
        now = self.clock()
        if now - (self.status.started if self.last is None else self.last) >= SPARSE_S:
            self.last = now
            self.write(f"mmp: {self.status.line(now)}")


@contextmanager
def _live(status: Status) -> Iterator[None]:
    from rich.console import Console
    from rich.live import Live

    console = Console(stderr=True)
    with Live(_Line(status), console=console, transient=True, refresh_per_second=4):
        yield


@dataclass(frozen=True, slots=True)
class _Line:
    """The live line: made anew at each refresh, so that the time moves on without events."""

    status: Status

    def __rich__(self) -> Text:
        text = Text(self.status.line(time.monotonic()), no_wrap=True, overflow="ellipsis")
        text.stylize("dim")
        return text
