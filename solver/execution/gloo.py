"""Level `gloo`: the exported package of a plan, at small sizes, on up to four real processes.

The order and the stages are those of the plan, chunk by chunk. Processes that stages leave over run
the sharding axes that cut most; the other axes are one device wide here. The loss and every
gradient must be those of the same model on one device, in 64-bit floats.
"""

from __future__ import annotations

import itertools
import json
import math
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from dsl.diagnostic import DiagnosticError
from solver.execution.orders import Pipeline, pipeline
from solver.execution.outcome import Outcome
from solver.execution.torch_needed import need_torch
from solver.export.saved import SavedPlan
from solver.export.torch.package import files
from solver.export.torch.refusals import refusals, unmade
from solver.reference.lower import ProgramError, program
from solver.reference.runtime.program import Program
from solver.reference.sizes import SizeError
from solver.verify.report import Violation

PROCESSES = 4
ERROR = 1e-6  # of the largest element of a gradient, and of the loss
TIME_LIMIT_S = 600.0


def check(saved: SavedPlan) -> Outcome:
    """Run the plan and compare. Raises DiagnosticError for a plan that cannot be run this way."""
    need_torch(saved)
    order = pipeline(saved)
    made = small_program(saved, order)
    with tempfile.TemporaryDirectory(prefix="mmp-gloo-") as name:
        folder = Path(name)
        write_package(made, folder)
        runs = run_package(made, folder)
    return judge(made, runs)


def small_program(saved: SavedPlan, order: Pipeline) -> Program:
    """The program that four processes run. Raises DiagnosticError."""
    found = list(refusals(saved, order))
    stages = len(order.orders)
    if stages > PROCESSES:
        message = f"{stages} stages need {stages} processes; this level runs {PROCESSES}"
        advice = "`--level static` proves the order of any pipeline"
        found.append(saved.finding("MMP741", message, ("pipeline", "stages"), advice))
    if found:
        raise DiagnosticError(found)
    try:
        return program(saved.plan, order, kept_axes(saved, PROCESSES // stages), small=True)
    except ProgramError as error:
        raise DiagnosticError(unmade(saved, error)) from error
    except SizeError as error:
        advice = "pin other cuts for it"
        finding = saved.finding("MMP742", str(error), ("operators",), advice)
        raise DiagnosticError([finding]) from error


def kept_axes(saved: SavedPlan, room: int) -> tuple[int, ...]:
    """The sharding axes that fit into `room` processes, those first that cut most operators."""
    plan = saved.plan
    parts = plan.frame.parts
    cut = [sum(bool(s.cut[a]) for s in plan.shardings.values()) for a in range(len(parts))]
    best: tuple[int, ...] = ()
    for count in range(1, 3):
        for axes in itertools.combinations(range(len(parts)), count):
            if math.prod(parts[a].size for a in axes) <= room:
                best = max(best, axes, key=lambda chosen: sum(cut[a] for a in chosen))
    return best


@dataclass(frozen=True, slots=True)
class Run:
    """What a process found in a step whose order `loader` has loaded. `worst` is the largest error
    of a gradient, relative to the largest element of it, `where` its parameter; `gradients` are the
    parameters compared."""

    loader: str
    loss: float | None
    wanted: float
    worst: float
    where: str
    gradients: tuple[str, ...]


def write_package(made: Program, folder: Path) -> None:
    """Write the package of a program."""
    for name, text in files(made, "A plan at small sizes.").items():
        place = folder / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text, encoding="utf-8")


def run_package(
    made: Program, folder: Path, worker: str = "solver.execution.gloo_worker"
) -> list[Run] | str:
    """Run a written package; what every process found, or why there is nothing."""
    count = math.prod(axis.size for axis in made.mesh)
    command = [sys.executable, "-W", "ignore", "-m", worker, str(folder)]
    logs = [folder / f"log{rank}" for rank in range(count)]
    processes = []
    for rank, log in enumerate(logs):
        with log.open("w") as stream:
            processes.append(
                subprocess.Popen([*command, str(rank), str(count)], stdout=stream, stderr=stream)
            )
    failed = _wait(processes)
    if failed is None:
        return f"the processes did not end within {TIME_LIMIT_S:.0f} s"
    for rank in failed[:1]:
        lines = [line for line in logs[rank].read_text().splitlines() if line.strip()]
        return f"process {rank} failed: {lines[-1] if lines else processes[rank].returncode}"
    return [run for rank in range(count) for run in _read(folder / f"result{rank}.json")]


def _wait(processes: Sequence[subprocess.Popen[bytes]]) -> list[int] | None:
    """The processes that failed, once all have ended or one has failed, which ends the others;
    None where the time is up."""
    end = time.monotonic() + TIME_LIMIT_S
    try:
        while time.monotonic() < end:
            codes = [process.poll() for process in processes]
            failed = [rank for rank, code in enumerate(codes) if code]
            if failed or None not in codes:
                return failed
            time.sleep(0.05)
        return None
    finally:
        for process in processes:
            process.kill()
            process.wait()


def judge(made: Program, runs: list[Run] | str) -> Outcome:
    """Loss and gradients against those of one device."""
    where = "pipeline.schedule"
    if isinstance(runs, str):
        return Outcome((), (Violation("run-failed", runs, where),))
    compared = {name for run in runs for name in run.gradients}
    found = [
        Violation("run-gradient", f"no device has a gradient of `{name}`", f"parameters.{name}")
        for name, weight in made.weights.items()
        if weight.trained and name not in compared
    ]
    for run in runs:
        if run.loss is not None and abs(run.loss - run.wanted) > ERROR * abs(run.wanted):
            message = (
                f"loaded by {run.loader}: a loss of {run.loss!r}, on one device {run.wanted!r}"
            )
            found.append(Violation("run-loss", message, where))
        if not run.worst <= ERROR:
            message = f"loaded by {run.loader}: a gradient is off by {run.worst:.1e} of its size"
            found.append(Violation("run-gradient", message, f"parameters.{run.where}"))
    return Outcome(() if found else (_line(made, runs),), tuple(found))


def _line(made: Program, runs: list[Run]) -> str:
    mesh = " x ".join(f"{axis.name} {axis.size}" for axis in made.mesh) or "one device"
    worst = max(run.worst for run in runs)
    loaders = " and ".join(dict.fromkeys(run.loader for run in runs))
    count = math.prod(axis.size for axis in made.mesh)
    return (
        f"{count} processes ({mesh}), order loaded by {loaders}, {len(made.chunks)} chunks, "
        f"{made.microbatches} micro-batches, {len(made.weights)} parameters: loss and gradients "
        f"are those of one device (largest error {worst:.1e})"
    )


def _read(path: Path) -> list[Run]:
    found = json.loads(path.read_text())
    return [Run(**(run | {"gradients": tuple(run["gradients"])})) for run in found]
