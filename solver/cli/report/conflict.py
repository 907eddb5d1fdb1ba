"""Why there is no plan: what cannot hold together, where it is written, and the ways out."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from rich.console import RenderableType
from rich.padding import Padding
from rich.text import Text

from dsl.codes import Code
from dsl.diagnostic import Diagnostic, Label
from dsl.render import TextOf, render
from dsl.span import Span
from dsl.spec import Spec
from solver.cli.report.table import INDENT, heading
from solver.cli.report.words import count
from solver.events import Document

CONFLICT = Code(
    "MMP501",
    "no plan can exist",
    "These pins and limits (or a fixed schedule) cannot hold together, and leaving any one of them "
    "out makes a plan possible. The report lists the ways out.",
)

_NOBODY = (
    "No pin or limit is to blame: the mesh, the memory of its devices, the batch and the `train` "
    "block alone leave none."
)


_CUT_SHORT = (
    "The time was up before this was settled: fewer requirements may already be in conflict, and "
    "there may be more ways out. A longer `--time-limit` tells."
)


def conflict(document: Document, spec: Spec, text_of: TextOf) -> Iterator[RenderableType]:
    """The minimal conflict with its source lines, then the relaxations."""
    entries: list[dict[str, Any]] = document.get("conflict", [])
    yield verdict()
    if entries:
        yield Text(render(_diagnostic(entries, spec), text_of), no_wrap=True, overflow="ignore")
    else:
        yield Text(_NOBODY)
    ways: list[dict[str, Any]] = document.get("relaxations", [])
    yield from ways_out(
        [f"{way['change']}  ({way['file']}:{way['line']}: {way['text']})" for way in ways]
    )
    yield from cut_short(document)


def verdict() -> Text:
    """That nothing is possible, in a line."""
    return Text("Proven: there is no plan.", style="red")


def ways_out(lines: list[str]) -> Iterator[RenderableType]:
    """What would make a plan possible, one per line."""
    if lines:
        yield Text("")
        yield heading("Ways out", "each alone makes a plan possible")
        yield indented(lines)


def indented(lines: list[str]) -> Padding:
    """Lines under a heading; long ones go on in the next line."""
    return Padding(Text("\n".join(lines), overflow="fold"), (0, 0, 0, INDENT))


def cut_short(document: Document) -> Iterator[RenderableType]:
    """That there was no time to find out everything, where that is so."""
    if document.get("explanation") == "cut short":
        yield Text("")
        yield Text(_CUT_SHORT)


def _diagnostic(entries: list[dict[str, Any]], spec: Spec) -> Diagnostic:
    first, *others = entries
    labels = [Label(_span(entry, spec), "together with this") for entry in others]
    for entry in entries:
        labels.extend(Label(via, "applied here") for via in _via(entry, spec))
    message = (
        f"these {count(len(entries), 'requirement')} cannot hold together"
        if others
        else "this cannot hold on any plan"
    )
    return Diagnostic(CONFLICT.code, "error", message, _span(first, spec), tuple(labels))


def _span(entry: dict[str, Any], spec: Spec) -> Span:
    """The whole statement where the spec has it; of what only has a line, that line's start."""
    spans = [(pin.text, pin.span) for pin in spec.pins]
    spans += [(limit.text, limit.span) for limit in spec.limits]
    pipeline = spec.train.pipeline
    if pipeline.family is not None and pipeline.span is not None:
        spans.append((pipeline.family, pipeline.span))
    for text, span in spans:
        if _is_at(entry, text, span):
            return span
    return Span(entry["file"], entry["line"], 1, entry["line"], 2)


def _via(entry: dict[str, Any], spec: Spec) -> tuple[Span, ...]:
    """The `apply` statements through which a pin of the conflict came."""
    return next((pin.via for pin in spec.pins if _is_at(entry, pin.text, pin.span)), ())


def _is_at(entry: dict[str, Any], text: str, span: Span) -> bool:
    return (text, span.file, span.line) == (entry["text"], entry["file"], entry["line"])
