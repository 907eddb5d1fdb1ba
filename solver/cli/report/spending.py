"""Where the time of a step goes, as an exact sum.

The figures are means over the devices of a step: with `P` stages,
`step_time = (sum over stages of m (F + B + W) + tail) / P + idle`. Communication inside a
stage's phases and tail is listed by collective and taken out of compute; parameter and gradient
collectives count `1 - overlap`, or what scheduled overlap leaves of them, as in the cost model.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from rich.console import RenderableType
from rich.padding import Padding
from rich.text import Text

from solver.cli.report.table import INDENT, heading, table
from solver.cli.report.view import View
from solver.cli.report.words import percent, seconds

_NOISE = 1e-9  # of a step: less than this is rounding, not time


def spending(view: View) -> Iterator[RenderableType]:
    """The rows, largest first, and their sum."""
    step = view.document["step_time_s"]
    note = "mean of all devices" if len(view.stages) > 1 else ""
    yield heading("Time of a step", note)
    shown = [(what, value) for what, value in breakdown(view) if abs(value) > _NOISE * step]
    shown.sort(key=lambda row: -row[1])
    rows = [(what, seconds(value), percent(value / step)) for what, value in shown]
    rows.append(("sum", seconds(math.fsum(value for _, value in shown)), ""))
    yield table(("", "", ""), rows)
    if view.spec.train.overlap == "scheduled":
        behind, total = hidden(view)
        words = f"{seconds(behind)} of {seconds(total)} of the collectives of parameters hidden"
        yield Padding(Text(f"{words} behind compute", style="dim"), (0, 0, 0, INDENT))


def breakdown(view: View) -> list[tuple[str, float]]:
    """(what, seconds per device and step); adds up to the step time."""
    stages = len(view.stages)
    working = math.fsum(
        view.microbatches * (s["forward_s"] + s["input_grad_s"] + s["weight_grad_s"])
        for s in view.stages
    )
    tails = math.fsum(stage["tail_s"] for stage in view.stages)
    during, after = _communication(view)
    communicating = math.fsum(during.values())
    synchronising = math.fsum(after.values())
    idle = view.document["step_time_s"] - (working + tails) / stages
    return [
        ("compute", (working - communicating) / stages),
        *((_words(name), value / stages) for name, value in during.items()),
        *((f"{_words(name)} once per step", value / stages) for name, value in after.items()),
        ("optimizer", (tails - synchronising) / stages),
        ("bubble" if stages > 1 else "idle", idle),
    ]


def _communication(view: View) -> tuple[dict[str, float], dict[str, float]]:
    """Exposed seconds of every collective summed over stages: during micro-batches, and after."""
    during: dict[str, float] = {}
    after: dict[str, float] = {}
    is_scheduled = view.spec.train.overlap == "scheduled"
    for call in view.document["communication"]:
        is_parameter = _is_of_parameter(view, call)
        each = call.get("exposed_s", call["seconds"])
        if is_parameter and not _is_tied_sum(view, call):
            each *= view.spec.train.visible
        into = after if call["phase"] == "step" else during
        if is_scheduled and _may_hide(view, call):
            continue  # what is left of all those of a stage is known, not of each
        name = call["collective"] + (" of parameters" if is_parameter else "")
        into[name] = into.get(name, 0.0) + each * call["count"] * _stages_charged(view, call)
    if is_scheduled:
        wait, rest = _left(view)
        after["reduction of gradients"], after["gather of updated parameters"] = wait, rest
    return during, after


def _may_hide(view: View, call: dict[str, Any]) -> bool:
    """A collective once per step of a parameter with one reader."""
    return call["phase"] == "step" and view.readers[call["operator"]] == 1


def _left(view: View) -> tuple[float, float]:
    """Seconds between the last operator and the update, and from the update to the end of the step,
    summed over stages."""
    updates = {
        entry["stage"]: entry["start_s"]
        for entry in view.document["pipeline"]["step_operators"]
        if entry["phase"] == "update"
    }
    ends: dict[int, float] = {}
    for action in view.document["pipeline"]["schedule"]:
        ends[action["stage"]] = max(ends.get(action["stage"], 0.0), action["end_s"])
    wait = math.fsum(updates[stage] - end for stage, end in ends.items())
    tails = math.fsum(stage["tail_s"] - stage["update_s"] for stage in view.stages)
    return wait, tails - wait


def hidden(view: View) -> tuple[float, float]:
    """Seconds of collectives of parameters that scheduled overlap hides behind compute, and of all
    of them; mean over stages."""
    calls = [c for c in view.document["communication"] if _is_of_parameter(view, c)]
    total = math.fsum(c["seconds"] * c["count"] * _stages_charged(view, c) for c in calls)
    during = math.fsum(
        (c["seconds"] - c["exposed_s"]) * c["count"] for c in calls if "exposed_s" in c
    )
    once = math.fsum(stage["reduce_s"] + stage["gather_s"] for stage in view.stages)
    stages = len(view.stages)
    return (during + once - math.fsum(_left(view))) / stages, total / stages


def _is_of_parameter(view: View, call: dict[str, Any]) -> bool:
    """Section 6 of the cost model; operators and the tensors they make share their names."""
    tensor = view.spec.graph.tensors.get(call["operator"])
    return tensor is not None and tensor.role == "parameter"


def _is_tied_sum(view: View, call: dict[str, Any]) -> bool:
    """The gradient of a parameter held by several stages, summed over them; never overlapped."""
    return call["phase"] == "step" and set(call["axes"]) <= set(view.pipeline_parts)


def _stages_charged(view: View, call: dict[str, Any]) -> int:
    """Work after the micro-batches is listed once but done by every stage holding the parameter."""
    if call["phase"] != "step":
        return 1
    return len(view.holders[call["operator"]])


def _words(collective: str) -> str:
    return collective.replace("_", "-")
