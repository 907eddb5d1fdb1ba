"""The wishes of the user: which hold, which are broken, and what that cost."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from rich.console import RenderableType
from rich.text import Text

from dsl.span import Span
from solver.cli.report.table import heading, table
from solver.cli.report.view import View
from solver.cli.report.words import amount

_STATES = {True: ("holds", ""), False: ("BROKEN", "red")}


def pins(view: View) -> Iterator[RenderableType]:
    """Every pin and limit in the order of the spec, with the bill of the broken ones."""
    entries: list[dict[str, Any]] = view.document["pins"]
    if not entries:
        return
    name = view.objective["name"]
    broken = sum(not entry["satisfied"] for entry in entries)
    paid = amount(name, view.objective["penalty"])
    yield heading("Pins and limits", f"{broken} broken, {paid} paid" if broken else "all hold")
    # The document lists the pins of the spec in order, then its limits.
    via = [pin.via for pin in view.spec.pins] + [() for _ in view.spec.limits]
    rows = [_row(entry, at, name) for entry, at in zip(entries, via, strict=True)]
    yield table(("", "text", "where", "worth", "paid"), rows, left=3)


def _row(entry: dict[str, Any], via: tuple[Span, ...], objective: str) -> tuple[str | Text, ...]:
    where = f"{entry['file']}:{entry['line']}"
    if via:  # the outermost `apply` is the one in the user's file
        where += f", applied at {via[-1].file}:{via[-1].line}"
    weight, paid = entry["weight_s"], entry["paid_s"]
    return (
        Text(*_STATES[entry["satisfied"]]),
        entry["text"],
        where,
        "must" if weight is None else amount(objective, weight),
        amount(objective, paid) if paid else "",
    )
