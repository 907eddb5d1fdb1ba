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
    """`examples/llama3_8b.mmp: 32 x h100_sxm (pod: node 4 x gpu 8)`; where there are several kinds,
    `16 x h100_sxm + 16 x a100_80`."""
    mesh = spec.mesh
    kinds = enumerate(mesh.kinds)
    devices = " + ".join(f"{mesh.devices_of(number)} x {kind.name}" for number, kind in kinds)
    axes = " x ".join(f"{axis.name} {axis.size}" for axis in mesh.axes)
    text = Text(spec.path, style="bold")
    return text.append(f": {devices} ({mesh.name}: {axes})", "not bold")


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
    objective = view.objective
    name = objective["name"]
    yield verdict(view.document)
    rows = [("step time", seconds(view.document["step_time_s"]), "")]
    penalty = objective["penalty"]
    made_of = f"{name.replace('_', ' ')} + penalty {amount(name, penalty)}" if penalty else ""
    rows.append(("objective", amount(name, objective["value"]), made_of or name.replace("_", " ")))
    rows.extend(bound_rows(name, objective))
    yield table(("", "", ""), rows, left=3)
    yield effort(view.document["solver"])


def verdict(document: Document) -> Text:
    """How good the plan is, in a line."""
    if document["outcome"]["plan"] == "optimal":
        return Text("Proven optimal; verified.", style="green")
    why = _STOPPED[ending(document)]
    return Text(f"Verified, not proven optimal: {why}.", style="yellow")


def bound_rows(name: str, objective: dict[str, Any]) -> list[tuple[str, str, str]]:
    """The bound, and the gap where there is one."""
    if objective["bound"] is None:
        return [("bound", "none", "no bound was proven")]
    rows = [("bound", amount(name, objective["bound"]), "no plan can be better")]
    if objective["gap"] is not None:
        rows.append(("gap", percent(max(0.0, objective["gap"])), ""))
    return rows


def effort(solver: dict[str, Any]) -> Padding:
    """How long it took, and with which settings."""
    words = f"solved in {seconds(solver['wall_s'])}, seed {solver['seed']}"
    words += f", workers {solver['workers']}"
    words += ", reproducible" if solver["reproducible"] else ""
    return Padding(Text(words, style="dim"), (0, 0, 0, INDENT))
