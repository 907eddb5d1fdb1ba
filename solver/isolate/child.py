"""The child process: runs one search and streams what it finds to its parent.

Standard input carries the job, then `stop` or, when the parent is gone, its end. Frames go to what
was standard output; anything native code prints there lands in standard error instead, where
the parent keeps it for the report of a crash.
"""

from __future__ import annotations

import importlib
import os
import pickle
import signal
import sys
import threading
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from typing import IO, Any

from solver.events import Document, Emit, Event, Options
from solver.isolate import wire

Search = Callable[[Any, Options, Emit, threading.Event], Document]
"""Gets what is to be solved, whatever that is, and returns the document."""


@dataclass(frozen=True, slots=True)
class Job:
    """What to run: `search` is `module:function` of type `Search`, `subject` what it gets."""

    search: str
    subject: object
    options: Options


class _Line:
    """The way out to the parent, shared by all threads of the search."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self._lock = threading.Lock()

    def send(self, message: wire.Message | Event) -> None:
        with self._lock:
            wire.write(self._stream, message)


def main() -> None:
    """Read the job from standard input, run it, send the frames, exit."""
    stop = threading.Event()
    _handle_signals(stop)
    line = _Line(_take_stdout())
    source = sys.stdin.buffer
    job: Job = pickle.loads(wire.read_block(source))
    threading.Thread(target=_obey, args=(source, stop), daemon=True).start()
    worker = threading.Thread(target=_search, args=(job, line, stop), daemon=True)
    worker.start()
    worker.join()
    # Not sys.exit: native threads of a solver that did not stop must not keep the process alive.
    os._exit(0)


def _handle_signals(stop: threading.Event) -> None:
    """The parent decides about Ctrl-C; a plain `kill` of this process asks the search to end."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda _number, _frame: stop.set())


def _take_stdout() -> IO[bytes]:
    """A private copy of standard output; the public one now leads to standard error."""
    private = os.dup(sys.stdout.fileno())
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    return os.fdopen(private, "wb")


def _obey(source: IO[bytes], stop: threading.Event) -> None:
    """Wait for `stop`; when the parent is gone, end this process and all it started."""
    while source.readline() == wire.STOP:
        stop.set()
    if hasattr(os, "killpg") and os.getpgrp() == os.getpid():
        os.killpg(0, signal.SIGKILL)
    os._exit(1)


def _search(job: Job, line: _Line, stop: threading.Event) -> None:
    try:
        module, _, function = job.search.partition(":")
        search: Search = getattr(importlib.import_module(module), function)
        line.send(wire.Ready())
        line.send(wire.Final(search(job.subject, job.options, line.send, stop)))
    except BaseException as error:  # whatever it was, the parent must hear of it
        line.send(wire.Raised(_summary(error), traceback.format_exc()))


def _summary(error: BaseException) -> str:
    text = str(error).partition("\n")[0]
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


if __name__ == "__main__":
    # Run through the importable module: a job pickled by the parent names `solver.isolate.child`.
    from solver.isolate.child import main as run_main

    run_main()
