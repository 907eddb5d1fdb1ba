"""What was planned, how good the plan is, and whether that is proven."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from rich.console import RenderableType
from rich.padding import Padding
from rich.text import Text

from dsl.spec import Spec
from solver.cli.report.table import INDENT, table
from solver.cli.report.view import View
from solver.cli.report.words import amount, percent, seconds
from solver.events import Document
from solver.isolate.run import Patience

_STOPPED = {
    "proved": "the search ended with this gap",
    "limit": "stopped by the time limit",
    "exhausted": "the search has nothing left to try",
    "interrupted": "stopped by an interrupt",
    "failed": "the solver process failed",
}


def title(spec: Spec) -> Text:
    """`examples/llama3_8b.mmp: 32 x h100_sxm (pod: node 4 x gpu 8)`."""
    mesh = spec.mesh
    axes = " x ".join(f"{axis.name} {axis.size}" for axis in mesh.axes)
    text = Text(spec.path, style="bold")
    return text.append(f": {mesh.devices} x {mesh.device.name} ({mesh.name}: {axes})", "not bold")


def ending(document: Document) -> str:
    """Why the search stopped; `exhausted` where a search that stopped for its limits had time left.

    Parts of a search have limits of their own, so it can end early and without a proof. One that
    is reproducible counts work, not seconds, and only its parent looks at the clock.
    """
    solver = document["solver"]
    factor = Patience().reproducible_factor if solver["reproducible"] else 1.0
    had_time = solver["wall_s"] < factor * solver["time_limit_s"]
    stopped: str = document["outcome"]["stopped"]
    return "exhausted" if stopped == "limit" and had_time else stopped


def summary(view: View) -> Iterator[RenderableType]:
    """The verdict, then objective, bound, gap and penalty."""
    outcome = view.document["outcome"]
    objective = view.objective
    name = objective["name"]
    if outcome["plan"] == "optimal":
        yield Text("Proven optimal; verified.", style="green")
    else:
        yield Text(
            f"Verified, not proven optimal: {_STOPPED[ending(view.document)]}.", style="yellow"
        )
    rows = [("step time", seconds(view.document["step_time_s"]), "")]
    penalty = objective["penalty"]
    made_of = f"{name.replace('_', ' ')} + penalty {amount(name, penalty)}" if penalty else ""
    rows.append(("objective", amount(name, objective["value"]), made_of or name.replace("_", " ")))
    if objective["bound"] is None:
        rows.append(("bound", "none", "no bound was proven"))
    else:
        rows.append(("bound", amount(name, objective["bound"]), "no plan can be better"))
        rows.append(("gap", percent(max(0.0, objective["gap"])), ""))
    yield table(("", "", ""), rows, left=3)
    yield Padding(Text(_effort(view.document["solver"]), style="dim"), (0, 0, 0, INDENT))


def _effort(solver: dict[str, Any]) -> str:
    words = f"solved in {seconds(solver['wall_s'])}, seed {solver['seed']}"
    words += f", workers {solver['workers']}"
    return words + (", reproducible" if solver["reproducible"] else "")
