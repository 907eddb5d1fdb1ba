"""The whole page: its parts in order, its style and its script, in one text."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from xml.etree.ElementTree import Element, tostring

from dsl.spec import Spec
from solver.drawing.elements import add
from solver.events import Document
from solver.page.colors import variables
from solver.page.memory import memory
from solver.page.origin import origin
from solver.page.part import Subject, subject
from solver.page.search import search
from solver.page.shardings import shardings
from solver.page.spending import spending
from solver.page.summary import heading, summary
from solver.page.timeline import timeline
from solver.page.wishes import pins

PARTS: tuple[tuple[str, str, Callable[[Element, Subject], None]], ...] = (
    ("summary", "Summary", summary),
    ("timeline", "Timeline", timeline),
    ("sharding", "Sharding", shardings),
    ("time", "Time", spending),
    ("memory", "Memory", memory),
    ("pins", "Pins", pins),
    ("search", "Search", search),
    ("origin", "Origin", origin),
)
_HERE = Path(__file__).parent
# The browser itself refuses whatever is not in the page.
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'"


def page(document: Document, spec: Spec | None, missing: str) -> str:
    """The page of a plan. Without a spec, `missing` says why there is none."""
    about = subject(document, spec, missing)
    root = Element("html", {"lang": "en"})
    _head(root, about)
    body = add(root, "body")
    add(body, "a", "Skip to the plan", href="#summary", class_="skip")
    top = add(body, "header")
    add(top, "h1", heading(about))
    links = add(add(top, "nav", aria_label="Parts of the page"), "ul")
    for name, label, _ in PARTS:
        add(add(links, "li"), "a", label, href=f"#{name}")
    main = add(body, "main")
    for _, _, part in PARTS:
        part(main, about)
    add(body, "script", _text("page.js"))
    return "<!doctype html>\n" + tostring(root, encoding="unicode", method="html") + "\n"


def _head(root: Element, about: Subject) -> None:
    head = add(root, "head")
    add(head, "meta", charset="utf-8")
    policy = {"http-equiv": "Content-Security-Policy", "content": _POLICY}
    add(head, "meta").attrib.update(policy)
    view = {"name": "viewport", "content": "width=device-width, initial-scale=1"}
    add(head, "meta").attrib.update(view)
    add(head, "title", f"Plan: {heading(about)}")
    add(head, "style", variables(about.picture.chunks) + _text("page.css"))


def _text(name: str) -> str:
    return (_HERE / name).read_text(encoding="utf-8")
