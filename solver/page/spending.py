"""Where the time of a step goes: by stage, by kind of work, by collective."""

from __future__ import annotations

import math
from collections.abc import Sequence
from xml.etree.ElementTree import Element

from solver.cli.report.spending import breakdown
from solver.cli.report.words import percent, seconds, size
from solver.drawing.elements import add
from solver.events import Document
from solver.page.bars import Bar, bars
from solver.page.part import Subject, folded, section, table

_NOISE = 1e-9  # of a step: less than this is rounding, not time
_PHASES = (
    ("forward", "forward_s", "F0"),
    ("backward or input gradient", "input_grad_s", "B0"),
    ("weight gradient", "weight_grad_s", "W0"),
)


def spending(body: Element, about: Subject) -> None:
    """The section: a bar for every stage, the sum for the mean device, and the collectives."""
    note = "Every bar is a step on the devices of one stage; what is not work is idle."
    part = section(body, "time", "Time of a step", note)
    step = about.document["step_time_s"]
    microbatches = about.document["pipeline"]["microbatches"]
    rows = [_bar(stage, microbatches, step) for stage in about.stages]
    bars(part, "Seconds of a step by stage", rows, step, None)
    columns = ("stage", *(name for name, _ in rows[0].parts))
    inside = folded(part, "The same in numbers")
    cells = [[row.name.removeprefix("stage ")] + [seconds(v) for _, v in row.parts] for row in rows]
    table(inside, "Seconds of a step by stage", columns, cells)
    if about.view is not None:
        shares = sorted(breakdown(about.view), key=lambda row: -row[1])
        shown = [(name, value) for name, value in shares if abs(value) > _NOISE * step]
        sums = [(name, seconds(value), percent(value / step)) for name, value in shown]
        total = ("sum", seconds(math.fsum(value for _, value in shown)), "")
        caption = "Mean of all devices; collectives as far as they are seen"
        table(part, caption, ("what", "seconds", "share"), [*sums, total])
    _collectives(part, about)


def _bar(stage: Document, microbatches: int, step: float) -> Bar:
    parts = [(name, microbatches * stage[field]) for name, field, _ in _PHASES]
    parts.append(("once per step", stage["tail_s"]))
    idle = step - math.fsum(value for _, value in parts)
    parts.append(("idle", idle if idle > _NOISE * step else 0.0))
    kinds = (*(kind for _, _, kind in _PHASES), "tail", "lane")
    return Bar(f"stage {stage['stage']}", tuple(parts), kinds, seconds(step - parts[-1][1]), "work")


def _collectives(part: Element, about: Subject) -> None:
    calls: dict[tuple[str, str, str], list[Document]] = {}
    for call in about.document["communication"]:
        name = call["collective"].replace("_", "-")
        calls.setdefault((name, about.axes.words(call["axes"]), call["phase"]), []).append(call)
    if not calls:
        add(part, "p", "No collectives.", class_="note")
        return
    keys = sorted(calls, key=lambda key: -_total(calls[key], "seconds"))
    rows = [(*key, *_figures(calls[key])) for key in keys]
    inside = folded(part, "Collectives")
    columns = ("collective", "over", "phase", "calls", "bytes", "seconds")
    caption = "Calls of a step on all stages together, before overlap"
    table(inside, caption, columns, rows, left=3)


def _figures(calls: Sequence[Document]) -> tuple[str, str, str]:
    count = math.fsum(call["count"] for call in calls)
    return f"{count:,.0f}", size(_total(calls, "bytes")), seconds(_total(calls, "seconds"))


def _total(calls: Sequence[Document], field: str) -> float:
    return math.fsum(call["count"] * call[field] for call in calls)
