"""Run a search in a child process and keep the best of what it finds, whatever happens to it."""

from __future__ import annotations

import queue
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from solver.events import Document, Event, Incumbent, Options, Progress
from solver.isolate import wire
from solver.isolate.child import Job
from solver.isolate.interrupts import Interrupts
from solver.isolate.process import Ended, Process, Signalled

KEPT_INCUMBENTS = 8  # enough to fall back on when the last ones fail verification


@dataclass(frozen=True, slots=True)
class Patience:
    """How long to wait, in seconds.

    `startup`: for imports before the search starts. `grace`: after a request to stop, until the
    child is killed. `overrun`: past the time limit until that request; the search keeps its own
    time, so this is for one that lost it. A reproducible search counts deterministic work instead
    of seconds, and may rightly take several times as long: `reproducible_factor`.
    """

    startup: float = 60.0
    grace: float = 5.0
    overrun: float = 3.0
    reproducible_factor: float = 10.0

    def search(self, options: Options) -> float:
        """Seconds from the start of the search to the request to stop."""
        factor = self.reproducible_factor if options.reproducible else 1.0
        return options.time_limit_s * factor + self.overrun


@dataclass(frozen=True, slots=True)
class Failure:
    """Why there is no answer from the child: one line, and what helps to find the cause."""

    summary: str
    details: str


@dataclass(frozen=True, slots=True)
class Result:
    """What a run left behind.

    `final`: what the search returned, None when it did not. `incumbents`: the newest ones, oldest
    first. `asked`: why the parent asked for an early end, if it did. `failure`: why `final` is
    None, unless the child was killed on request. `bound`: the best proven bound reported.
    """

    final: Document | None
    incumbents: tuple[Document, ...]
    asked: Literal["no", "interrupt", "limit"]
    failure: Failure | None
    bound: float | None
    wall_s: float


def run(
    search: str,
    subject: object,
    options: Options,
    observe: Callable[[Event], None],
    interrupts: Interrupts,
    patience: Patience | None = None,
) -> Result:
    """Run `search` (`module:function`) in a child process until it ends one way or other.

    `subject` is what it works on, anything that can be pickled. `observe` sees every event, in
    this thread. The first signal asks the child to stop, the second kills it. No child process is
    left when this returns or raises.
    """
    process = Process(Job(search, subject, options))
    watch = _Watch(process, options, observe, patience or Patience())
    interrupts.listen(lambda count: process.inbox.put(Signalled(count)))
    try:
        if interrupts.count:
            process.inbox.put(Signalled(interrupts.count))
        while watch.step():
            pass
        return watch.result()
    finally:
        interrupts.listen(None)
        process.close()


@dataclass(slots=True)
class _Watch:
    """The parent's view of one run, moved on by one message or deadline at a time."""

    process: Process
    options: Options
    observe: Callable[[Event], None]
    patience: Patience
    started: float = field(default_factory=time.monotonic)
    deadline: float = 0.0
    asked: Literal["no", "interrupt", "limit"] = "no"
    killed: bool = False
    is_ready: bool = False
    incumbents: deque[Document] = field(default_factory=lambda: deque(maxlen=KEPT_INCUMBENTS))
    bound: float | None = None
    final: Document | None = None
    failure: Failure | None = None

    def __post_init__(self) -> None:
        self.deadline = self.started + self.patience.startup

    def step(self) -> bool:
        """Handle what comes next; False when the run is over."""
        try:
            message = self.process.inbox.get(timeout=max(0.0, self.deadline - time.monotonic()))
        except queue.Empty:
            return self._on_deadline()
        match message:
            case wire.Ready():
                self._on_ready()
            case Progress() | Incumbent():
                self._on_event(message)
            case wire.Final(document):
                self.final = document
                return False
            case wire.Raised(summary, details):
                self.failure = Failure(summary, details)
                return False
            case Signalled(count):
                self._on_signal(count)
            case Ended(broken):
                self._on_end(broken)
                return False
        return True

    def result(self) -> Result:
        """What is in hand, once `step` has returned False."""
        return Result(
            self.final,
            tuple(self.incumbents),
            self.asked,
            self.failure,
            self.bound,
            time.monotonic() - self.started,
        )

    def _on_ready(self) -> None:
        self.is_ready = True
        if self.asked == "no":
            self.deadline = time.monotonic() + self.patience.search(self.options)
        else:
            self.process.ask_to_stop()

    def _on_event(self, event: Event) -> None:
        if isinstance(event, Incumbent):
            self.incumbents.append(event.document)
        elif event.bound is not None:
            self.bound = event.bound if self.bound is None else max(self.bound, event.bound)
        self.observe(event)

    def _on_signal(self, count: int) -> None:
        if count > 1:
            self._kill("interrupt")
        else:
            self._ask("interrupt")

    def _on_deadline(self) -> bool:
        if self.killed:
            return False
        if self.asked == "no" and self.is_ready:
            self._ask("limit")
        elif self.asked == "no":
            self.failure = Failure(f"it did not start within {self.patience.startup:g} s", "")
            self._kill("no")
        else:
            self._kill(self.asked)
        return True

    def _ask(self, reason: Literal["interrupt", "limit"]) -> None:
        if self.asked == "no":
            self.deadline = time.monotonic() + self.patience.grace
            if self.is_ready:  # before that the child may not read, and a write would wait for it
                self.process.ask_to_stop()
        if self.asked != "interrupt":
            self.asked = reason

    def _kill(self, reason: Literal["no", "interrupt", "limit"]) -> None:
        self.asked = reason
        self.killed = True
        self.deadline = time.monotonic() + self.patience.grace  # until the pipe reports the end
        self.process.kill()

    def _on_end(self, broken: str) -> None:
        if self.killed:
            return
        details = "\n".join(part for part in (broken, self.process.stderr_tail()) if part)
        self.failure = Failure(self.process.exit_text(), details)
