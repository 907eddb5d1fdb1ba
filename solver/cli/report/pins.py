"""Pins and limits: which hold, which are broken, and what they cost."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from rich.console import RenderableType
from rich.text import Text

from dsl.span import Span
from solver.cli.report.prices import cell
from solver.cli.report.table import heading, table
from solver.cli.report.view import View
from solver.cli.report.words import amount, seconds, size

Row = tuple[str | Text, ...]


def pins(view: View) -> Iterator[RenderableType]:
    """Every pin and limit in the order of the spec, with the bill of those that do not hold.

    With `--prices` also what the others cost: an `apply` as one, above its pins, and settings of
    the `train` block, at the end.
    """
    entries: list[dict[str, Any]] = view.document["pins"]
    priced: list[dict[str, Any]] = view.document.get("prices", [])
    if not entries and not priced:
        return
    name = view.objective["name"]
    broken = sum(not entry["satisfied"] for entry in entries)
    paid = amount(name, view.objective["penalty"])
    yield heading("Pins and limits", f"{broken} broken, {paid} paid" if broken else "all hold")
    # The document lists the pins of the spec in order, then its limits.
    via = [pin.via for pin in view.spec.pins] + [() for _ in view.spec.limits]
    above = {one["pins"][0]: one for one in priced if one["pins"]}
    rows: list[Row] = []
    for number, (entry, at) in enumerate(zip(entries, via, strict=True)):
        if number in above:
            rows.append(_wish(above[number], name))
        rows.append(_row(entry, at, name))
    rows += [_wish(one, name) for one in priced if not one["pins"]]
    columns = ("", "text", "where", "worth", "paid", "price")
    shown = len(columns) if "prices" in view.document else len(columns) - 1
    yield table(columns[:shown], [row[:shown] for row in rows], left=3)


def _row(entry: dict[str, Any], via: tuple[Span, ...], objective: str) -> Row:
    where = f"{entry['file']}:{entry['line']}"
    if via:  # the outermost `apply` is the one in the user's file
        where += f", applied at {via[-1].file}:{via[-1].line}"
    worth, paid = _worth(entry, objective), _paid(entry, objective)
    return (_state(entry), entry["text"], where, worth, paid, cell(entry, objective))


def _wish(entry: dict[str, Any], objective: str) -> Row:
    """A wish that is no pin or limit itself, and holds in every plan."""
    line = "" if entry["line"] is None else f":{entry['line']}"
    where = f"{entry['file']}{line}"
    return (Text("holds"), entry["text"], where, "must", "", cell(entry, objective))


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
