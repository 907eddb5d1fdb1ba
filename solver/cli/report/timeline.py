"""The schedule as a picture of letters, one row per stage, and its idle time in words."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from rich.console import RenderableType
from rich.padding import Padding
from rich.text import Text

from solver.cli.report.table import INDENT
from solver.cli.report.view import View
from solver.cli.report.words import percent, seconds
from solver.schedule.problem import Action, Chunk, Schedule, ScheduleProblem
from solver.schedule.timeline import render_timeline, span_bubble

_MARGIN = 8  # columns beside the time itself
_WIDEST = 160
_LEGEND = "F forward, B backward, W weight gradient, = once per step, . idle"
_LATER = ", lower case every second chunk"


def timeline(view: View) -> Iterator[RenderableType]:
    """The picture, what its letters mean, and the span bubble beside the heading's makespan one."""
    problem, schedule = _schedule(view)
    width = max(20, min(_WIDEST, view.width) - _MARGIN)
    indent = (0, 0, 0, INDENT)
    yield Padding(Text(render_timeline(problem, schedule, width), no_wrap=True), indent)
    later = _LATER if len(problem.chunks) > problem.devices else ""
    yield Padding(Text(f"{_LEGEND}{later}\n{_span(problem, schedule)}", style="dim"), indent)


def _span(problem: ScheduleProblem, schedule: Schedule) -> str:
    idle = math.fsum(span_bubble(problem, schedule)) / problem.devices
    share = idle / schedule.makespan if schedule.makespan else 0.0
    amount = f"{percent(share)} ({seconds(idle)})" if share > 1e-9 else "0 %"  # rounding of sums
    return f"span bubble {amount}: idle between first and last operator, mean of all stages"


def _schedule(view: View) -> tuple[ScheduleProblem, Schedule]:
    """What is drawn. Only durations and places matter here, not memory."""
    stages, actions = view.stages, view.document["pipeline"]["schedule"]
    first = {(stage["stage"], 0) for stage in stages}
    places = sorted(first | {(a["device"], a["chunk"]) for a in actions})
    number = {place: at for at, place in enumerate(places)}
    problem = ScheduleProblem(
        devices=len(stages),
        chunks=tuple(
            Chunk(f"chunk {chunk} of stage {stage}", stage, 0.0, 0.0, 0.0, 0.0, 0.0)
            for stage, chunk in places
        ),
        edges=(),
        microbatches=view.microbatches,
        capacity_bytes=tuple(0.0 for _ in stages),
        tails=tuple(stage["tail_s"] for stage in stages),
        split_backward=not all(view.document["pipeline"]["fused"]),
    )
    drawn = sorted((_action(a, number) for a in actions), key=lambda a: (a.start, a.end))
    return problem, Schedule(tuple(drawn), view.document["step_time_s"], 0.0, False)


def _action(entry: dict[str, Any], number: dict[tuple[int, int], int]) -> Action:
    return Action(
        number[entry["device"], entry["chunk"]],
        entry["microbatch"],
        entry["phase"],
        entry["start_s"],
        entry["end_s"],
    )
