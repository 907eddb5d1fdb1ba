"""The bill of pins: which pins and limits hold, what the broken ones cost."""

from __future__ import annotations

from xml.etree.ElementTree import Element

from solver.cli.report.words import amount, seconds, size
from solver.drawing.elements import add
from solver.events import Document
from solver.page.part import Subject, section, table


def pins(body: Element, about: Subject) -> None:
    """Every pin and limit in the order of the spec."""
    entries = about.document["pins"]
    objective = about.document["objective"]
    name = objective["name"]
    broken = sum(not entry["satisfied"] for entry in entries)
    note = f"{broken} broken, {amount(name, objective['penalty'])} paid." if broken else "All hold."
    part = section(body, "pins", "Pins and limits", note if entries else "")
    if not entries:
        add(part, "p", "The spec has none.", class_="note")
        return
    rows = [_row(entry, name) for entry in entries]
    columns = ("pin or limit", "where", "state", "worth", "paid")
    made = table(part, "The bill", columns, rows, left=3)
    lines = list(made.iter("tr"))[1:]
    for line, entry in zip(lines, entries, strict=True):
        if not entry["satisfied"]:
            line.set("class", "broken")


def _row(entry: Document, objective: str) -> tuple[str, ...]:
    where = entry["file"] if entry["line"] is None else f"{entry['file']}:{entry['line']}"
    paid = amount(objective, entry["paid_s"]) if entry["paid_s"] else ""
    return entry["text"], where, _state(entry), _worth(entry, objective), paid


def _state(entry: Document) -> str:
    if entry["satisfied"]:
        return "holds"
    if "over_bytes" in entry:
        return f"{size(entry['over_bytes'])} over"
    return f"{seconds(entry['over_s'])} over" if "over_s" in entry else "broken"


def _worth(entry: Document, objective: str) -> str:
    weight = entry["weight_s"]
    if weight is None:
        return "must"
    if "over_bytes" in entry:
        return f"{amount(objective, weight * 2**30)} per GiB"
    return amount(objective, weight) + (" per s" if "over_s" in entry else "")
