"""What the plan was made from and with."""

from __future__ import annotations

from xml.etree.ElementTree import Element

from solver.cli.report.words import seconds
from solver.drawing.elements import add
from solver.page.part import Subject, folded, section, table


def origin(body: Element, about: Subject) -> None:
    """Files with their hashes, parameters, versions and settings of the search."""
    document, solver = about.document, about.document["solver"]
    part = section(body, "origin", "Origin")
    settings = [
        *(("parameter " + name, value) for name, value in document.get("overrides", {}).items()),
        *(("version of " + name, value) for name, value in document["versions"].items()),
        ("seed", str(solver["seed"])),
        ("workers", str(solver["workers"])),
        ("time limit", seconds(solver["time_limit_s"])),
        ("reproducible", "yes" if solver["reproducible"] else "no"),
        ("plans considered", str(document.get("space", ""))),
    ]
    table(part, "Settings", ("setting", "value"), [row for row in settings if row[1]], left=2)
    inside = folded(part, "Files that were read")
    rows = [(source["path"], source["sha256"]) for source in document.get("sources", [])]
    made = table(inside, "Files and their SHA-256", ("file", "SHA-256"), rows, left=2)
    made.set("class", "hashes")
    add(part, "p", "The page loads nothing and needs no network.", class_="note")
