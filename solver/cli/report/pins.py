"""The wishes of the user: which hold, which are broken, and what that cost."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from rich.console import RenderableType

from solver.cli.report.table import heading, table
from solver.cli.report.view import View
from solver.cli.report.words import amount, count


def pins(view: View) -> Iterator[RenderableType]:
    """Every pin and limit in the order of the spec, with the bill of the broken ones."""
    entries: list[dict[str, Any]] = view.document["pins"]
    if not entries:
        return
    name = view.objective["name"]
    broken = sum(not entry["satisfied"] for entry in entries)
    paid = view.objective["penalty"]
    bill = f"{count(broken, 'pin')} broken, {amount(name, paid)} paid" if broken else "all hold"
    yield heading("Pins and limits", bill)
    yield table(("", "text", "where", "worth", "paid"), _rows(entries, name), left=3)


def _rows(entries: list[dict[str, Any]], objective: str) -> list[tuple[str, ...]]:
    """Rows; what a library repeats with one text from one line is one row with a count."""
    rows: dict[tuple[str, ...], int] = {}
    for entry in entries:
        row = (
            "holds" if entry["satisfied"] else "BROKEN",
            entry["text"],
            f"{entry['file']}:{entry['line']}",
            amount(objective, entry["weight_s"]) if entry["weight_s"] is not None else "",
            amount(objective, entry["paid_s"]) if entry["paid_s"] else "",
        )
        rows[row] = rows.get(row, 0) + 1
    return [
        (state, text if times == 1 else f"{times} x {text}", *rest)
        for (state, text, *rest), times in rows.items()
    ]
