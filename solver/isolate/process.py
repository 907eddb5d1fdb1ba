"""Owns one child process: starts it, asks it to stop, kills it, says how it ended.

`subprocess` and not `multiprocessing`: the child imports one small module instead of the caller's
`__main__`, needs no resource tracker, and leads a process group, so that killing it also ends
whatever it started.
"""

from __future__ import annotations

import contextlib
import os
import pickle
import queue
import signal
import subprocess
import sys
import tempfile
import threading
from dataclasses import dataclass

from solver.isolate import wire
from solver.isolate.child import Job

_TAIL_BYTES = 20_000  # of the child's standard error, kept for the report of a crash


@dataclass(frozen=True, slots=True)
class Ended:
    """The child's side of the pipe closed; `broken` says what was wrong with its last frame."""

    broken: str


@dataclass(frozen=True, slots=True)
class Signalled:
    """A signal reached the parent, the `count`-th."""

    count: int


Inbox = queue.SimpleQueue[wire.Message | Ended | Signalled]  # its `put` is safe in signal handlers


class Process:
    """A running child. Its messages arrive in `inbox`, the last one is `Ended`."""

    def __init__(self, job: Job) -> None:
        self.inbox: Inbox = queue.SimpleQueue()
        body = pickle.dumps(job)
        self._stderr = tempfile.TemporaryFile()  # noqa: SIM115 - closed by `close`
        self._popen = subprocess.Popen(
            # -P: a `random.py` in the user's folder must not become part of the solver.
            [sys.executable, "-P", "-m", "solver.isolate.child"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._stderr,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(_import_path())},
            process_group=0 if os.name == "posix" else None,
        )
        self._reader = threading.Thread(target=self._talk, args=(body,), daemon=True)
        self._reader.start()

    def ask_to_stop(self) -> None:
        """Ask for an early end; the child may already be gone."""
        assert self._popen.stdin is not None
        with contextlib.suppress(OSError, ValueError):
            self._popen.stdin.write(wire.STOP)
            self._popen.stdin.flush()

    def kill(self) -> None:
        """End the child and everything it started, at once."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            if os.name == "posix":
                os.killpg(self._popen.pid, signal.SIGKILL)
            else:
                self._popen.kill()

    def close(self) -> None:
        """Make sure nothing of the child remains: process, pipes, thread."""
        self.kill()
        self._popen.wait()
        self._reader.join()
        for stream in (self._popen.stdin, self._popen.stdout, self._stderr):
            assert stream is not None
            with contextlib.suppress(OSError):
                stream.close()

    def exit_text(self) -> str:
        """How the child ended, in words. Call after `Ended`."""
        try:
            code = self._popen.wait(timeout=1.0)
        except subprocess.TimeoutExpired:
            return "it closed its pipe and kept running"
        if code >= 0:
            return f"it exited with code {code} and no result"
        try:
            name = signal.Signals(-code).name
        except ValueError:
            name = f"signal {-code}"
        hint = " (out of memory?)" if name == "SIGKILL" else ""
        return f"it was killed by {name}{hint}"

    def stderr_tail(self) -> str:
        """The last of what the child wrote to standard error."""
        size = self._stderr.seek(0, os.SEEK_END)
        self._stderr.seek(max(0, size - _TAIL_BYTES))
        return self._stderr.read().decode(errors="replace")

    def _talk(self, body: bytes) -> None:
        assert self._popen.stdin is not None
        assert self._popen.stdout is not None
        broken = ""
        try:
            wire.write_block(self._popen.stdin, body)
            while (message := wire.read(self._popen.stdout)) is not None:
                self.inbox.put(message)
        except (OSError, ValueError, wire.BrokenFrameError) as error:
            broken = str(error)
        self.inbox.put(Ended(broken))


def _import_path() -> list[str]:
    return [entry or str(os.getcwd()) for entry in sys.path]  # noqa: PTH109 - as text
