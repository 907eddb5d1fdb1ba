"""The wishes of the user: which hold, which are broken, and what that cost."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from rich.console import RenderableType
from rich.text import Text

from dsl.span import Span
from solver.cli.report.table import heading, table
from solver.cli.report.view import View
from solver.cli.report.words import amount, seconds, size


def pins(view: View) -> Iterator[RenderableType]:
    """Every pin and limit in the order of the spec, with the bill of those that do not hold."""
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
    return (_state(entry), entry["text"], where, _worth(entry, objective), _paid(entry, objective))


def _state(entry: dict[str, Any]) -> Text:
    if entry["satisfied"]:
        return Text("holds")
    return Text(f"{_over(entry)} over" if _is_soft_limit(entry) else "BROKEN", "red")


def _worth(entry: dict[str, Any], objective: str) -> str:
    """`must`, what a soft pin is worth, or the price of a GiB or second over a soft limit."""
    weight = entry["weight_s"]
    if weight is None:
        return "must"
    if "over_bytes" in entry:
        return f"{amount(objective, weight * 2**30)} per GiB"
    return amount(objective, weight) + (" per s" if "over_s" in entry else "")


def _paid(entry: dict[str, Any], objective: str) -> str:
    return amount(objective, entry["paid_s"]) if entry["paid_s"] else ""


def _is_soft_limit(entry: dict[str, Any]) -> bool:
    return "over_bytes" in entry or "over_s" in entry


def _over(entry: dict[str, Any]) -> str:
    return size(entry["over_bytes"]) if "over_bytes" in entry else seconds(entry["over_s"])
