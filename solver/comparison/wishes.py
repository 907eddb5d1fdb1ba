"""Pins and limits: which are new or gone, which hold now, and what they cost."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from solver.cli.report.words import amount
from solver.comparison.difference import Difference, change, is_same

Document = dict[str, Any]
_SHOWN = ("kind", "satisfied", "weight_s", "paid_s")


def pins(before: Document, after: Document) -> Iterator[Difference]:
    """Pins and limits by their text; where several read alike, the first with the first.

    Those that changed alike are one difference, so that a preset of many pins is one line.
    """
    names = (before["objective"]["name"], after["objective"]["name"])
    a, b = _numbered(before), _numbered(after)
    groups: dict[tuple[str, str], list[tuple[Document | None, Document | None]]] = {}
    for key in dict.fromkeys((*a, *b)):
        old, new = a.get(key), b.get(key)
        if old is None or new is None or not _is_alike(old, new):
            words = change(_state(old, names[0]), _state(new, names[1]))
            groups.setdefault((key[0], words), []).append((old, new))
    for (text, words), members in groups.items():
        times = f" ({len(members)} times)" if len(members) > 1 else ""
        old, new = members[0]
        line = f"{text}{times}: {words}{_where(old, new)}"
        yield Difference("pins", text, _values(old), _values(new), line)


def _numbered(document: Document) -> dict[tuple[str, int], Document]:
    """Pins by their text and how many before them read alike."""
    seen: dict[str, int] = {}
    found = {}
    for pin in document["pins"]:
        text = pin["text"]
        seen[text] = seen.get(text, -1) + 1
        found[text, seen[text]] = pin
    return found


def _is_alike(old: Document, new: Document) -> bool:
    figures = ("weight_s", "paid_s")
    return (old["kind"], old["satisfied"]) == (new["kind"], new["satisfied"]) and all(
        is_same(old[name], new[name]) for name in figures
    )


def _state(pin: Document | None, objective: str) -> str | None:
    """`holds, a must`, `holds, worth 2 ms`, `broken, worth 2 ms, 2 ms paid`."""
    if pin is None:
        return None
    worth = _worth(pin, objective)
    if pin["satisfied"]:
        return f"holds, {worth}"
    return f"broken, {worth}, {amount(objective, pin['paid_s'])} paid"


def _worth(pin: Document, objective: str) -> str:
    weight = pin["weight_s"]
    if weight is None:
        return "a must"
    if "over_bytes" in pin:
        return f"worth {amount(objective, weight * 2**30)} per GiB"
    return f"worth {amount(objective, weight)}{' per s' if 'over_s' in pin else ''}"


def _values(pin: Document | None) -> Document | None:
    return None if pin is None else {name: pin[name] for name in _SHOWN}


def _where(old: Document | None, new: Document | None) -> str:
    """Where the pin is written, in the later plan that has it."""
    pin = new or old
    return "" if pin is None or pin["line"] is None else f" ({pin['file']}:{pin['line']})"
