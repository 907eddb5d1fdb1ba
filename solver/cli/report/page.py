"""The whole page: the sections in order, drawn for a terminal or as plain text."""

from __future__ import annotations

import io
import shutil
import sys
from collections.abc import Callable, Iterator

from rich.console import Console, RenderableType
from rich.text import Text

from dsl.spec import Spec
from solver.cli.diagnostics import text_in
from solver.cli.report.conflict import conflict
from solver.cli.report.memory import memory
from solver.cli.report.parallelism import parallelism
from solver.cli.report.pins import pins
from solver.cli.report.pipeline import pipeline
from solver.cli.report.spending import spending
from solver.cli.report.summary import ending, summary, title
from solver.cli.report.view import View
from solver.events import Document

PLAIN_WIDTH = 110  # of a report that goes to a file or a pipe
_NARROWEST = 60

Section = Callable[[View], Iterator[RenderableType]]
SECTIONS: tuple[Section, ...] = (summary, parallelism, pipeline, spending, memory, pins)

_NO_PLAN = {
    "limit": "No plan was found within the time limit; whether there is one is not known.",
    "exhausted": "No plan was found, and the search has nothing left to try; whether there is one "
    "is not known.",
    "interrupted": "Interrupted before a plan was found; whether there is one is not known.",
    "failed": "The solver process failed before it found a plan.",
}


Page = Callable[[int], Iterator[list[RenderableType]]]
"""The sections of a page of this width."""


def render(document: Document, spec: Spec) -> str:
    """The report of a plan as text."""
    return draw(lambda width: _page(document, spec, width))


def draw(page: Page) -> str:
    """A page as text, with colours when standard output is a terminal."""
    is_terminal = sys.stdout is not None and sys.stdout.isatty()
    width = max(_NARROWEST, shutil.get_terminal_size().columns) if is_terminal else PLAIN_WIDTH
    console = Console(
        file=io.StringIO(),
        force_terminal=is_terminal,
        no_color=None if is_terminal else True,
        width=width,
        highlight=False,
        markup=False,
        emoji=False,
    )
    for place, section in enumerate(page(width)):
        if place:
            console.print()
        for part in section:
            console.print(part, soft_wrap=isinstance(part, Text))
    assert isinstance(console.file, io.StringIO)
    lines = console.file.getvalue().splitlines()
    return "".join(line.rstrip() + "\n" for line in lines)


def _page(document: Document, spec: Spec, width: int) -> Iterator[list[RenderableType]]:
    outcome = document["outcome"]
    yield [title(spec)]
    if outcome["plan"] != "none":
        view = View(document, spec, width)
        for section in SECTIONS:
            if parts := list(section(view)):
                yield parts
    elif outcome["stopped"] == "proved":
        yield list(conflict(document, spec, text_in(spec)))
    else:
        yield [no_plan(document)]


def no_plan(document: Document) -> Text:
    """Why there is no plan, where that is not because none can exist."""
    return Text(_NO_PLAN[ending(document)], style="yellow")
