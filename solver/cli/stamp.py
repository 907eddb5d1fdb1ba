"""The fields of a plan document that only the parent process knows."""

from __future__ import annotations

from solver.cli.task import Task
from solver.cli.versions import versions
from solver.events import Document, Options

_FIRST = (
    *("format", "sources", "libraries", "overrides"),
    *("versions", "solver", "outcome", "objective"),
)


def stamp(
    document: Document, task: Task, options: Options, wall_s: float, stopped: str, plan: str
) -> Document:
    """A copy of `document` with where it comes from, who made it, and how the search ended.

    The task's own file is the first source: `mmp verify` reads it from there. Common fields come
    first, so that the head of a plan tells what it is.
    """
    seconds = round(task.spent_s + wall_s, 3)
    solver = {
        "seed": options.seed,
        "workers": options.workers,
        "time_limit_s": options.time_limit_s,
        "reproducible": options.reproducible,
        "wall_s": seconds,
    }
    stamped = {
        **document,
        "sources": [{"path": path, "sha256": sha256} for path, sha256 in task.sources],
        **task.own_fields(seconds),
        "versions": versions(),
        "solver": {**document.get("solver", {}), **solver},
        "outcome": {**document.get("outcome", {}), "stopped": stopped, "plan": plan},
    }
    order = [name for name in _FIRST if name in stamped]
    return {name: stamped[name] for name in [*order, *(n for n in stamped if n not in order)]}
