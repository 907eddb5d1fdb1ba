"""The published pipeline balance: 16 stages, 16 micro-batches, recompute under a memory limit.

Source: tests of the MindSpore pipeline-balance tool (`tests/data/pipeline_balance.json`). Times in
its units (microseconds in the example specs), backward in one piece. First the published plan at
the level of the scheduler, then layers and recompute chosen by `mmp solve` together with the
order; the plan is verified before `mmp solve` prints it.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

from tests.benchmarks.schedule_run import run, table
from tests.schedule.published_balance import KNOWN_OPTIMUM, PUBLISHED_PLAN, balance

SPEC = Path(__file__).parent.parent.parent / "examples" / "measured_pipeline.mmp"
FIXED, FREE = "pipeline 16 stages one_f_one_b", "pipeline 16 stages"
UNIT = 1e-6


def lines(seconds: float | None) -> Iterable[str]:
    """Makespans; `to known` is above (+) or below (-) the best 1F1B plan known."""
    header = ("layers and recompute", "order", "limit", "makespan", "bound", "gap", "to known")
    return table((*header, "seconds"), _rows(seconds))


def _rows(seconds: float | None) -> Iterator[tuple[object, ...]]:
    for family in ("one_f_one_b", None):
        found = run(balance(*PUBLISHED_PLAN, family), seconds or 60.0)
        figures = _figures(found.value, found.bound, found.seconds)
        yield ("published", family or "free", seconds or 60.0, *figures)
    for text, limits in ((FIXED, (60.0, 300.0)), (FREE, (300.0,))):
        for limit in (seconds,) if seconds else limits:
            order = "one_f_one_b" if text == FIXED else "free"
            yield ("`mmp solve`", order, limit, *_planned(text, limit))


def _planned(text: str, limit: float) -> tuple[object, ...]:
    """The example with another pipeline statement. Raises CalledProcessError when it fails."""
    source = SPEC.read_text(encoding="utf-8")
    if FIXED not in source:
        raise ValueError(f"{SPEC.name} does not say `{FIXED}`")
    with tempfile.TemporaryDirectory() as folder:
        spec = Path(folder) / "spec.mmp"
        spec.write_text(source.replace(FIXED, text), encoding="utf-8")
        command = [sys.executable, "-m", "solver.cli.main", "solve", str(spec), "--json"]
        begin = time.monotonic()
        done = subprocess.run(
            [*command, "--time-limit", str(limit)], check=True, capture_output=True, text=True
        )
        taken = time.monotonic() - begin
    objective = json.loads(done.stdout)["objective"]
    return _figures(objective["value"] / UNIT, objective["bound"] / UNIT, taken)


def _figures(value: float, bound: float, seconds: float) -> tuple[object, ...]:
    gap = 1 - bound / value
    return (
        f"{value:.0f}",
        f"{bound:.0f}",
        "proved" if gap <= 1e-5 else f"{100 * gap:.2f} %",
        f"{100 * (value / KNOWN_OPTIMUM - 1):+.2f} %",
        f"{seconds:.1f}",
    )
