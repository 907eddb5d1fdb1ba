"""What plans of Llama-3-8B on 64 GPUs predict, beside what one rank of every stage does.

    python -m tests.benchmarks.counted [--part plans] [--seconds 8] [--results DIR] [--write]

Every case of `counted_cases.py` is planned by `mmp solve`, then run by level `fake`: all
collectives (operator, tensor, phase, kind, sub-axes, bytes, count) and the bytes alive after every
operator of the schedule. `--write` puts the tables into `solver/README.md`, section 22. Plans that
are there already, in the folder of the results, are not made again.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from dsl.load import load
from solver.execution.fake import compare, measure, planned
from solver.execution.orders import pipeline
from solver.export.saved import SavedPlan
from tests.benchmarks.counted_cases import Case, pipelines, plans

README = Path(__file__).parents[2] / "solver" / "README.md"
PARTS = {"plans": plans, "pipelines": pipelines}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--part", choices=PARTS, action="append")
    parser.add_argument("--seconds", type=float, default=8, help="the solver's limit for one plan")
    parser.add_argument("--results", type=Path, default=Path(tempfile.gettempdir()) / "mmp-counted")
    parser.add_argument("--write", action="store_true", help="renew the tables of the README")
    arguments = parser.parse_args()
    arguments.results.mkdir(parents=True, exist_ok=True)
    for part in arguments.part or PARTS:
        rows = []
        for case in PARTS[part]():
            rows.append(result(case, part, arguments.results, arguments.seconds))
            sys.stdout.write(f"{case.name} {json.dumps(rows[-1])}\n")
            sys.stdout.flush()
        table = "\n".join(_table(part, rows))
        sys.stdout.write(f"{table}\n")
        if arguments.write:
            write(part, table)


def result(case: Case, part: str, folder: Path, seconds: float) -> dict[str, Any]:
    """The rows of a case, from the folder where it is there already."""
    name = "".join(c if c.isalnum() else "_" for c in f"{part} {case.name}")
    path = folder / f"{name}.json"
    if not path.is_file():
        spec, plan = folder / f"{name}.mmp", folder / f"{name}.plan.json"
        spec.write_text(case.spec)
        command = [sys.executable, "-m", "solver.cli.main", "solve", str(spec), "-o", str(plan)]
        command += ["--time-limit", f"{seconds:g}", "--workers", "1"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            return {"case": case.name, "pins": case.pins, "failed": done.stderr[-300:]}
        path.write_text(json.dumps(run(case, spec, plan), indent=1))
    found: dict[str, Any] = json.loads(path.read_text())
    return found


def run(case: Case, spec: Path, plan: Path) -> dict[str, Any]:
    """Run one rank of every stage of a plan."""
    text = plan.read_text()
    saved = SavedPlan(str(plan), text, json.loads(text), load(spec))
    order = pipeline(saved)
    stages = []
    for stage in range(saved.plan.stages):
        measured = measure(saved.plan, order, stage)
        wanted = planned(saved, stage)
        stages.append(
            {
                "planned_calls": sum(wanted.values()),
                "calls": sum(measured.calls.values()),
                "kinds": len(wanted),
                "planned_bytes": sum(call[-1] * count for call, count in wanted.items()),
                "bytes": sum(call[-1] * count for call, count in measured.calls.items()),
                "operators": len(measured.live),
                "peak": max(measured.live),
                "waiting": max(measured.waiting),
                "different": [str(one) for one in compare(saved, order, stage, measured)],
            }
        )
    document = saved.document
    choices = json.dumps([document["operators"], document["tensors"], document["parameters"]])
    return {
        "case": case.name,
        "pins": case.pins,
        "choices": hashlib.sha256(choices.encode()).hexdigest(),
        "stages": stages,
    }


_HEADS = {
    "plans": (
        "plan", "collectives planned, counted", "kinds of them", "bytes planned", "bytes counted",
        "operators traced", "equal",
    ),
    "pipelines": (
        "order", "stage", "operators traced", "collectives planned, counted", "bytes counted",
        "live bytes, most", "W waits for, most", "equal",
    ),
}  # fmt: skip


def _table(part: str, rows: Sequence[dict[str, Any]]) -> Iterator[str]:
    yield f"| {' | '.join(_HEADS[part])} |"
    yield "|" + "---|" * len(_HEADS[part])
    known: set[str] = set()
    for row in rows:
        if "stages" not in row or (part == "plans" and row["choices"] in known):
            continue  # none in the time, or the same plan again
        known.add(row["choices"])
        for number, stage in enumerate(row["stages"]):
            yield _row(part, row, number, stage)


def _row(part: str, row: dict[str, Any], number: int, stage: dict[str, Any]) -> str:
    equal = "no" if stage["different"] else "yes"
    calls = f"{stage['planned_calls']:,}, {stage['calls']:,}"
    if part == "plans":
        cells = [row["case"], calls, f"{stage['kinds']:,}", f"{stage['planned_bytes']:,.0f}"]
        cells += [f"{stage['bytes']:,}", f"{stage['operators']}", equal]
    else:
        cells = [row["case"], f"{number}", f"{stage['operators']}", calls, f"{stage['bytes']:,}"]
        cells += [f"{stage['peak']:,}", f"{stage['waiting']:,}", equal]
    return f"| {' | '.join(cells)} |"


def write(part: str, table: str) -> None:
    """Put a table between its marks."""
    text = README.read_text()
    start, end = f"<!-- counted {part} -->\n", f"<!-- end of counted {part} -->"
    head, _, rest = text.partition(start)
    _, _, tail = rest.partition(end)
    README.write_text(f"{head}{start}{table}\n{end}{tail}")


if __name__ == "__main__":
    main()
