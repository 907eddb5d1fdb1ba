"""One solve, as `mmp solve` does it, with a clock and a scale beside it."""

from __future__ import annotations

import resource
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from dsl.load import load
from solver.cli.exit_codes import ExitCode
from solver.cli.settle import settle
from solver.cli.tasks.spec import task_of
from solver.events import Document, Event, Incumbent, Options
from solver.isolate.interrupts import Interrupts
from solver.isolate.run import run
from solver.json_text import dumps
from solver.search.frame import named_parts
from solver.space.mesh import splits
from solver.verify.report import Report
from tests.benchmarks.plan_cases import Case


@dataclass(frozen=True, slots=True)
class Measured:
    """What one solve gave. Times in seconds of wall clock, `value` and `bound` in the objective's
    unit, `peak_bytes` of the process that searched, `document_bytes` of the plan as `mmp solve -o`
    writes it (0: none); `value` is None without a plan, and `verified` says whether one was."""

    devices: int
    splits: int
    stopped: str
    value: float | None
    bound: float | None
    gap: float | None
    first_s: float | None
    best_s: float | None
    wall_s: float
    verify_s: float
    peak_bytes: int
    document_bytes: int
    verified: bool
    notes: tuple[str, ...]


@dataclass(slots=True)
class _Clock:
    """When plans arrived, and how long their verification took."""

    began: float
    first: float | None = None
    best: float | None = None
    verifying: float = 0.0

    def observe(self, event: Event) -> None:
        if isinstance(event, Incumbent):
            self.best = time.monotonic() - self.began
            self.first = self.best if self.first is None else self.first

    def timed(self, verify: Callable[[Document], Report]) -> Callable[[Document], Report]:
        """The same check, its time added to `verifying`."""

        def check(document: Document) -> Report:
            begin = time.monotonic()
            report = verify(document)
            self.verifying += time.monotonic() - begin
            return report

        return check


def measure(case: Case, seconds: float, workers: int) -> Measured:
    """Solve one case. To be called in a process of its own: memory is that of all its children."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "spec.mmp"
        path.write_text(case.text, encoding="utf-8")
        spec = load(path)
    task = task_of(spec)
    options = Options(time_limit_s=seconds, workers=workers)
    clock = _Clock(time.monotonic())
    with Interrupts() as interrupts:
        result = run(task.search, spec, options, clock.observe, interrupts)
    settled = settle(result, replace(task, verify=clock.timed(task.verify)), options)
    document = settled.document or {}
    objective = document.get("objective", {})
    return Measured(
        devices=spec.mesh.devices,
        splits=len(splits(spec, named_parts(spec))),
        stopped=document.get("outcome", {}).get("stopped", "failed"),
        value=objective.get("value"),
        bound=objective.get("bound", result.bound),
        gap=objective.get("gap"),
        first_s=clock.first,
        best_s=clock.best,
        wall_s=result.wall_s,
        verify_s=clock.verifying,
        peak_bytes=resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024,
        document_bytes=len(dumps(document).encode()) if objective else 0,
        verified=settled.code is ExitCode.DONE,
        notes=settled.notes,
    )
