"""Run one solver in a process of its own, and note when it finds what and what memory it takes."""

from __future__ import annotations

import contextlib
import json
import os
import resource
import select
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

GRACE_S = 15.0
"""Seconds after the limit at which a solver that did not end is killed."""

ADDRESS_SPACE = 12 * 2**30
"""Bytes that a solver may map, so that one that takes too much ends alone."""

_TICK_S = 0.25  # between two looks at memory
ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True, slots=True)
class Solver:
    """A module that speaks `peers/protocol.py`; `read_log` reads the other lines it prints."""

    name: str
    module: str
    read_log: Callable[[str], dict[str, float]] = lambda _: {}


@dataclass(slots=True)
class Trace:
    """What one run gave; times in seconds from its start.

    `incumbents`: (time, value) of each better solution as the solver claims it. `building_s` and
    `built_s`: when building the model began and ended, None if that was not told. `constant`: what
    the figures in the solver's log leave out. `peak_bytes`: the most resident memory of the
    process and its descendants, each counted with its own high-water mark.
    """

    incumbents: list[tuple[float, float]] = field(default_factory=list)
    bound: float | None = None
    solution: list[int] | None = None
    building_s: float | None = None
    built_s: float | None = None
    failed: str = ""
    wall_s: float = 0.0
    peak_bytes: int = 0
    constant: float = 0.0

    @property
    def first_s(self) -> float | None:
        """When the first solution was found."""
        return self.incumbents[0][0] if self.incumbents else None

    def reached_s(self, value: float) -> float | None:
        """When a solution of this value or less was found."""
        return next((at for at, found in self.incumbents if found <= value), None)

    def take(self, at: float, fields: dict[str, Any]) -> None:
        """Learn from one line."""
        if "value" in fields and (not self.incumbents or fields["value"] < self.incumbents[-1][1]):
            self.incumbents.append((at, fields["value"]))
        if "bound" in fields:
            self.bound = max(fields["bound"], self.bound or fields["bound"])
        if "building" in fields:
            self.building_s = at
        if "built" in fields:
            self.built_s = at
        self.solution = fields.get("solution") or self.solution
        self.constant = fields.get("constant", self.constant)
        self.failed = fields.get("failed", self.failed)


def watch(solver: Solver, path: Path, limit_s: float, options: tuple[str, ...] = ()) -> Trace:
    """Run a solver on a file. The limit counts from here: start, reading and building included."""
    trace = Trace()
    with tempfile.TemporaryDirectory() as scratch, tempfile.TemporaryFile() as errors:
        until = time.time() + limit_s
        began = time.monotonic()
        child = subprocess.Popen(
            [sys.executable, "-m", solver.module, str(path), repr(until), *options],
            cwd=ROOT,
            env={**os.environ, "TMPDIR": scratch},
            stdout=subprocess.PIPE,
            stderr=errors,
            start_new_session=True,
            preexec_fn=_limit_memory,
        )
        is_over = True
        try:
            is_over = _follow(child, solver, trace, began, began + limit_s + GRACE_S)
        finally:
            if is_over:
                _kill_session(child.pid)
            code, largest = _reap(child)
            _kill_session(child.pid)
        trace.wall_s = time.monotonic() - began
        trace.peak_bytes = max(trace.peak_bytes, largest)
        if is_over:
            trace.failed = trace.failed or "killed"
        elif code:
            errors.seek(0)
            trace.failed = trace.failed or _ending(code, errors.read().decode(errors="replace"))
    return trace


def _limit_memory() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (ADDRESS_SPACE, ADDRESS_SPACE))


def _follow(
    child: subprocess.Popen[bytes], solver: Solver, trace: Trace, began: float, deadline: float
) -> bool:
    """Take every line until the child ends (False) or the deadline is over (True)."""
    assert child.stdout is not None
    pipe = child.stdout.fileno()
    rest = b""
    looked = 0.0
    while (now := time.monotonic()) < deadline:
        if now - looked >= _TICK_S:
            trace.peak_bytes = max(trace.peak_bytes, _resident(child.pid))
            looked = now
        if not select.select([pipe], [], [], _TICK_S)[0]:
            continue
        data = os.read(pipe, 2**20)
        if not data:
            return False
        *lines, rest = (rest + data).split(b"\n")
        for line in lines:
            trace.take(time.monotonic() - began, _fields(line.decode(), solver, trace))
    return True


def _fields(line: str, solver: Solver, trace: Trace) -> dict[str, Any]:
    if line.startswith("{"):
        said: dict[str, Any] = json.loads(line)
        return said
    return {name: figure + trace.constant for name, figure in solver.read_log(line).items()}


def _reap(child: subprocess.Popen[bytes]) -> tuple[int, int]:
    """Wait for a child: its exit code, and the peak memory of the largest of it and its own."""
    _, status, used = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    assert child.stdout is not None
    child.stdout.close()
    return child.returncode, used.ru_maxrss * 1024


def _resident(session: int) -> int:
    """The sum of the high-water marks of resident memory of the processes alive in a session."""
    total = 0
    for folder in _processes(session):
        with contextlib.suppress(OSError):  # it may end meanwhile
            lines = (folder / "status").read_text().splitlines()
            total += sum(int(x.split()[1]) * 1024 for x in lines if x.startswith("VmHWM:"))
    return total


def _kill_session(session: int) -> None:
    """End whatever is left of a run: its processes may lead groups of their own."""
    for folder in _processes(session):
        with contextlib.suppress(OSError):
            os.kill(int(folder.name), signal.SIGKILL)


def _processes(session: int) -> Iterator[Path]:
    """The folders in /proc of the processes of a session."""
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            with contextlib.suppress(OSError):
                # After the command's name, in brackets: state, parent, group, session.
                if int((folder / "stat").read_text().rpartition(")")[2].split()[3]) == session:
                    yield folder


def _ending(code: int, errors: str) -> str:
    """Why a run failed, in one line without a bar, which would end the table's cell."""
    told = [line for line in errors.splitlines() if line and line[0] != " " and "|" not in line]
    last = told[-1] if told else ""
    if "bad_alloc" in errors or "MemoryError" in errors:
        return "out of memory"
    if code < 0:
        return f"ended by {signal.Signals(-code).name}"
    return f"exit code {code}: {last[:100]}"
