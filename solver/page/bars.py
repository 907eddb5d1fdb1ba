"""Bars in parts, one for every stage, all on one scale."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from xml.etree.ElementTree import Element

from solver.cli.report.words import seconds, size
from solver.drawing.elements import add, short

_LEFT, _WIDTH, _RIGHT = 84.0, 820.0, 216.0
_HEIGHT, _PITCH = 18.0, 26.0


@dataclass(frozen=True, slots=True)
class Bar:
    """`parts` are names with seconds or bytes, `kinds` the class of each; `figure` and `what` are
    written behind the bar."""

    name: str
    parts: tuple[tuple[str, float], ...]
    kinds: tuple[str, ...]
    figure: str
    what: str
    limit: float | None = None


def bars(
    parent: Element, label: str, rows: Sequence[Bar], most: float, limit: str | None
) -> Element:
    """The drawing, with its legend. `most` is as long as a bar can be; `limit` says what the
    dashed lines are, in bytes (None: the bars are of seconds)."""
    width, height = _LEFT + _WIDTH + _RIGHT, _PITCH * len(rows) + 8
    box = f"0 0 {short(width)} {short(height)}"
    root = add(parent, "svg", viewBox=box, role="img", aria_label=label, class_="bars")
    say = seconds if limit is None else size
    for place, row in enumerate(rows):
        y = 4 + _PITCH * place
        group = add(root, "g")
        said = ", ".join(f"{name} {say(value)}" for name, value in row.parts if value)
        add(group, "title", f"{row.name}: {said}")
        add(group, "text", row.name, class_="end", x=_LEFT - 8, y=y + 13)
        x = _LEFT
        for (_, value), kind in zip(row.parts, row.kinds, strict=True):
            length = _WIDTH * value / most if most else 0.0
            if length > 0:
                add(group, "rect", class_=kind, x=x, y=y, width=length, height=_HEIGHT)
            x += length
        if row.limit is not None:
            at = short(_LEFT + _WIDTH * row.limit / most)
            add(group, "path", class_="limit", d=f"M{at} {short(y - 3)}v{short(_HEIGHT + 6)}")
        end = _LEFT + _WIDTH + 8
        add(group, "text", f"{row.what} {row.figure}", class_="small", x=end, y=y + 13)
    _legend(parent, rows, limit)
    return root


def _legend(parent: Element, rows: Sequence[Bar], limit: str | None) -> None:
    """Only what some bar shows."""
    group = add(parent, "ul", class_="legend")
    for number, (name, kind) in enumerate(
        zip((n for n, _ in rows[0].parts), rows[0].kinds, strict=True)
    ):
        if any(row.parts[number][1] > 0 for row in rows):
            _entry(group, kind, name)
    if limit is not None:
        _entry(group, "limit", limit)


def _entry(group: Element, kind: str, name: str) -> None:
    item = add(group, "li")
    add(item, "span", class_=f"swatch {kind}")
    add(item, "span", name)
