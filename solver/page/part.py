"""What every part of the page is made of: elements, tables, and the plan they are about."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from xml.etree.ElementTree import Element

from dsl.spec import Spec
from solver.cli.report.view import View
from solver.comparison.axes import Axes
from solver.drawing.elements import add
from solver.drawing.picture import Picture, read
from solver.events import Document

_WIDTH = 110  # of a text report; no part of the page depends on it


@dataclass(frozen=True, slots=True)
class Subject:
    """A plan document, and its spec as it was when the plan was made. Without it (`missing` says
    why) there is no picture of layers and no split of compute and communication."""

    document: Document
    picture: Picture
    axes: Axes
    view: View | None
    missing: str

    @property
    def stages(self) -> list[Document]:
        """The pipeline stages, first to last."""
        found: list[Document] = self.document["pipeline"]["stages"]
        return found


def subject(document: Document, spec: Spec | None, missing: str) -> Subject:
    """What the page is about."""
    view = None if spec is None else View(document, spec, _WIDTH)
    return Subject(document, read(document), Axes(document), view, missing)


def section(body: Element, name: str, heading: str, note: str = "") -> Element:
    """A new section of the page with its heading and, below it, a line of text."""
    found = add(body, "section", id=name, aria_labelledby=f"{name}-heading")
    add(found, "h2", heading, id=f"{name}-heading")
    if note:
        add(found, "p", note, class_="note")
    return found


def table(
    parent: Element,
    caption: str,
    columns: Sequence[str],
    rows: Iterable[Sequence[str]],
    left: int = 1,
) -> Element:
    """A table; the first `left` columns are text, the others are numbers, set to the right."""
    frame = add(parent, "div", class_="table")
    found = add(frame, "table")
    add(found, "caption", caption)
    head = add(add(found, "thead"), "tr")
    for place, column in enumerate(columns):
        _cell(head, "th", column, place >= left).set("scope", "col")
    body = add(found, "tbody")
    for row in rows:
        line = add(body, "tr")
        for place, cell in enumerate(row):
            made = _cell(line, "td" if place else "th", cell, place >= left)
            if not place:
                made.set("scope", "row")
    return found


def folded(parent: Element, summary: str) -> Element:
    """What a reader opens to see; printed open."""
    found = add(parent, "details")
    add(found, "summary", summary)
    return found


def _cell(row: Element, tag: str, text: str, is_number: bool) -> Element:
    return add(row, tag, text, **({"class_": "number"} if is_number else {}))
