"""`mmp export --to torch`: a package of plain files that PyTorch runs under torchrun."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from dsl.diagnostic import Diagnostic, DiagnosticError
from solver.execution.orders import pipeline
from solver.export.saved import SavedPlan
from solver.export.torch.plan_text import plan_text
from solver.export.torch.readme import readme
from solver.export.torch.refusals import refusals, unmade
from solver.reference import runtime
from solver.reference.lower import ProgramError, program
from solver.reference.runtime.program import Program

_TRAIN = '''"""Train this plan on random data.

    torchrun --nproc-per-node {processes} train.py

Several nodes: torchrun --nnodes N --nproc-per-node M train.py with N x M = {processes} processes.
`--device cpu` runs it with gloo.
"""

from pathlib import Path

from plan import PROGRAM
from runtime.loop import main

if __name__ == "__main__":
    main(PROGRAM, Path(__file__).with_name("schedule.csv"))
'''


def export(saved: SavedPlan) -> Mapping[str, str]:
    """The files of a plan. Raises DiagnosticError for what PyTorch cannot run as planned."""
    order = pipeline(saved)
    found: list[Diagnostic] = list(refusals(saved, order))
    if found:
        raise DiagnosticError(found)
    try:
        made = program(saved.plan, order)
    except ProgramError as error:
        raise DiagnosticError(unmade(saved, error)) from error
    return files(made, f"The plan {Path(saved.path).name} for PyTorch.", readme(saved, made))


def warnings(saved: SavedPlan) -> tuple[Diagnostic, ...]:
    """What the user must put in place of ours."""
    measured = [o.name for o in saved.spec.graph.operators if o.variants]
    if not measured:
        return ()
    found = saved.finding(
        "MMP736",
        f"{len(measured)} measured operators have times, but no arithmetic: a small dense layer "
        "stands in for each",
        ("operators", measured[0]),
        "put your own layers in place of `_measured` in `runtime/kinds.py`",
    )
    return (Diagnostic(found.code, "warning", found.message, found.span, (), found.help),)


def files(made: Program, title: str, text: str = "") -> dict[str, str]:
    """The files of a program; `text` is its README, if it has one."""
    processes = 1
    for axis in made.mesh:
        processes *= axis.size
    rows = "".join(",".join(row) + "\n" for row in made.schedule)
    found = {
        "plan.py": plan_text(made, title),
        "schedule.csv": rows,
        "train.py": _TRAIN.format(processes=processes),
    }
    if text:
        found["README.md"] = text
    return found | {f"runtime/{name}": source for name, source in runtime_files().items()}


def runtime_files() -> dict[str, str]:
    """The modules that every package carries along, importing each other as `runtime`."""
    folder = Path(runtime.__file__).parent
    return {
        path.name: path.read_text(encoding="utf-8").replace(runtime.__name__, "runtime")
        for path in sorted(folder.glob("*.py"))
    }
