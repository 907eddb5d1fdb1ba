"""The report of `mmp eval SPEC`: what a pinned configuration costs, and how that is known."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from rich.console import RenderableType
from rich.padding import Padding
from rich.text import Text

from dsl.spec import Spec
from solver.cli.report.page import draw
from solver.cli.report.summary import title
from solver.cli.report.table import INDENT, heading, table
from solver.cli.report.words import gib, percent, seconds

_SHOWN = 4  # subjects of an assumption that are named


def render(document: dict[str, Any], spec: Spec) -> str:
    """The report as text."""
    return draw(lambda _width: _page(document, spec))


def _page(document: dict[str, Any], spec: Spec) -> Iterator[list[RenderableType]]:
    yield [title(spec)]
    yield list(_summary(document))
    yield list(_time(document))
    yield list(_memory(document))
    if document["assumptions"]:
        yield list(_assumptions(document))
    if any(not pin["satisfied"] for pin in document["pins"]):
        yield list(_broken(document))


def _summary(document: dict[str, Any]) -> Iterator[RenderableType]:
    fits = "fits" if document["fits"] else "does not fit"
    yield Text("Priced as pinned, without search.")
    peak = f"{gib(document['peak_bytes'])} GiB of {gib(document['limit_bytes'])} GiB"
    rows = [
        ("step time", seconds(document["step_time_s"]), ""),
        ("memory", peak, f"stage {document['fullest_stage']}: {fits}"),
    ]
    yield table(("", "", ""), rows, left=3)


def _time(document: dict[str, Any]) -> Iterator[RenderableType]:
    yield heading("Time of a step", "mean of all devices")
    step = document["step_time_s"]
    rows = [
        (term["name"], term["known"], term["by"], seconds(term["seconds"]), _share(term, step))
        for term in document["time"]
    ]
    yield table(("", "known by", "rule", "time", "share"), rows, left=3)


def _share(term: dict[str, Any], step: float) -> str:
    return percent(term["seconds"] / step) if step else ""


def _memory(document: dict[str, Any]) -> Iterator[RenderableType]:
    yield heading(f"Memory of a device of stage {document['fullest_stage']}", "GiB")
    rows = [
        (term["name"], term["known"], term["by"], gib(term["bytes"])) for term in document["memory"]
    ]
    yield table(("", "known by", "rule", "GiB"), rows, left=3)


def _assumptions(document: dict[str, Any]) -> Iterator[RenderableType]:
    yield heading("Assumed", "no pin says it")
    for one in document["assumptions"]:
        named, more = one["subjects"][:_SHOWN], len(one["subjects"]) - _SHOWN
        words = ", ".join(named) + (f" and {more} more" if more > 0 else "")
        yield Padding(Text(f"{one['rule']}: {words}"), (0, 0, 0, INDENT))


def _broken(document: dict[str, Any]) -> Iterator[RenderableType]:
    yield heading("Pins and limits that do not hold")
    yield table(("",), [(pin["text"],) for pin in document["pins"] if not pin["satisfied"]])
