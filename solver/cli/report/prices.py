"""What wishes cost, in words and as rows of the table of pins and limits."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from solver.cli.report.words import amount
from solver.explain.price import Price


def in_words(price: Price | None, objective: str) -> str:
    """`exactly 120.0 ms`, `at most 1.200 s`, `nothing`; None is not known."""
    if price is None:
        return "not known"
    if price.most == 0:
        return "nothing"
    if price.is_exact:
        return f"exactly {amount(objective, price.most)}"
    if price.least == 0:
        return f"at most {amount(objective, price.most)}"
    return f"between {amount(objective, price.least)} and {amount(objective, price.most)}"


def cell(entry: Mapping[str, Any], objective: str) -> str:
    """The price of an entry of `pins` or `prices`; empty where it has none of its own."""
    if "price" not in entry:
        return ""
    found = entry["price"]
    return in_words(None if found is None else Price(found["least_s"], found["most_s"]), objective)
