"""The page about a public sharding instance and its solution."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from rich.console import RenderableType
from rich.text import Text

from solver.cli.report.conflict import cut_short, indented, ways_out
from solver.cli.report.conflict import verdict as infeasible
from solver.cli.report.page import draw, no_plan
from solver.cli.report.summary import bound_rows, effort, verdict
from solver.cli.report.table import heading, table
from solver.cli.report.words import number, percent
from solver.events import Document
from solver.instance.instance import Instance

_NOBODY = "No pin or limit is to blame: the forbidden costs alone leave no plan."


def render(document: Document, path: str, instance: Instance) -> str:
    """The report as text."""
    return draw(lambda _width: _page(document, path, instance))


def _page(document: Document, path: str, instance: Instance) -> Iterator[list[RenderableType]]:
    outcome = document["outcome"]
    yield [_title(path, instance)]
    if outcome["plan"] != "none":
        yield list(_summary(document))
        if document["pins"]:
            yield list(_pins(document["pins"]))
    elif outcome["stopped"] == "proved":
        yield list(_conflict(document))
    else:
        yield [no_plan(document)]


def _title(path: str, instance: Instance) -> Text:
    """`B.json.gz: 816 nodes, 2,193 edges, 10,188 strategies`."""
    words = [
        _many(len(instance.sizes), "node", "nodes"),
        _many(len(instance.ends), "edge", "edges"),
        _many(len(instance.costs), "strategy", "strategies"),
    ]
    return Text(path, style="bold").append(": " + ", ".join(words), "not bold")


def _many(size: int, one: str, more: str) -> str:
    return f"{size:,} {one if size == 1 else more}"


def _summary(document: Document) -> Iterator[RenderableType]:
    """The verdict, then value, bound, gap and the peak of memory."""
    yield verdict(document)
    objective, memory = document["objective"], document["memory"]
    rows = [("value", number(objective["value"]), "")]
    rows += bound_rows("value", objective)
    rows.append(("memory", number(memory["peak"]), _peak(memory)))
    yield table(("", "", ""), rows, left=3)
    yield effort(document["solver"])


def _peak(memory: dict[str, Any]) -> str:
    """`at time 50, 90.0 % of the limit of 50`."""
    words = [] if memory["at"] is None else [f"at time {memory['at']}"]
    limit = memory["limit"]
    if limit is None:
        words.append("no limit")
    else:
        share = f"{percent(memory['peak'] / limit)} of " if limit else ""
        words.append(f"{share}the limit of {number(limit)}")
    if memory["paid"]:
        words.append(f"{number(memory['paid'])} paid for what is over it")
    return ", ".join(words)


def _pins(entries: list[dict[str, Any]]) -> Iterator[RenderableType]:
    """Every pin, with the bill of those that do not hold."""
    broken = sum(not entry["satisfied"] for entry in entries)
    paid = number(sum(entry["paid"] for entry in entries))
    yield heading("Pins", f"{broken} broken, {paid} paid" if broken else "all hold")
    yield table(("", "name", "worth", "paid"), [_pin(entry) for entry in entries], left=2)


def _pin(entry: dict[str, Any]) -> tuple[str | Text, ...]:
    state = Text("holds") if entry["satisfied"] else Text("BROKEN", "red")
    worth = "must" if entry["weight"] is None else number(entry["weight"])
    return (state, entry["text"], worth, number(entry["paid"]) if entry["paid"] else "")


def _conflict(document: Document) -> Iterator[RenderableType]:
    """The minimal conflict, then the relaxations."""
    entries: list[dict[str, Any]] = document.get("conflict", [])
    yield infeasible()
    if len(entries) > 1:
        yield Text(f"These {len(entries)} requirements cannot hold together:")
    elif entries:
        yield Text("This cannot hold in any plan:")
    else:
        yield Text(_NOBODY)
    if entries:
        yield indented([entry["text"] for entry in entries])
    ways = document.get("relaxations", [])
    yield from ways_out([f"{way['change']}  ({way['text']})" for way in ways])
    yield from cut_short(document)
