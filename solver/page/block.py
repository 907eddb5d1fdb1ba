"""A layer as a picture: operators from top to bottom with the tensors between them.

Every index is a small box, filled in the colour of the mesh axis that cuts it and divided in as
many pieces. Lines on the left lead from who makes a tensor to who reads it; a thick one is where a
collective changes its layout.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from xml.etree.ElementTree import Element

from solver.drawing.elements import add, short
from solver.page.layer import Chip, Layer, Row, Value

WIDTH = 1240.0
_ARCS, _BOX, _RESULTS, _PARAMETERS, _CALLS = 8.0, 84.0, 344.0, 562.0, 776.0
_COLUMN = 206.0  # of results and of parameters, for their boxes
_OPERATOR = 246.0  # width of an operator
_LINE, _CHIP, _PAD = 17.0, 18.0, 8.0
_CHARACTER = 6.4  # mean width at 11 pixels
_CALL = 78  # characters of a collective that are written
_PIECES = 16  # most that a box is divided in; more cannot be told apart


def block(parent: Element, layer: Layer, hues: Mapping[str, str]) -> None:
    """The drawing. `hues` are the classes of the mesh axes."""
    heights = [_height(row) for row in layer.rows]
    tops = [24.0]
    for height in heights:
        tops.append(tops[-1] + height + _PAD)
    box = f"0 0 {short(WIDTH)} {short(tops[-1] + 4)}"
    label = f"Sharding of {layer.name}"
    root = add(parent, "svg", viewBox=box, role="img", aria_label=label, class_="block")
    add(root, "desc", ". ".join(_said(row) for row in layer.rows) + ".")
    columns = ((_BOX, "operator"), (_RESULTS, "makes"), (_PARAMETERS, "parameters"))
    for x, name in (*columns, (_CALLS, "collectives: phases; bytes, seconds of a call")):
        add(root, "text", name, class_="small faint", x=x, y=14.0)
    _arcs(root, layer.rows, tops, heights)
    for row, top, height in zip(layer.rows, tops, heights, strict=False):
        _row(add(root, "g"), row, top, height, hues)


def _row(group: Element, row: Row, top: float, height: float, hues: Mapping[str, str]) -> None:
    add(group, "title", _said(row))
    add(group, "rect", class_="operator", x=_BOX, y=top, width=_OPERATOR, height=height, rx=4.0)
    text = add(group, "text", None, x=_BOX + 8, y=top + 15)
    add(text, "tspan", row.name, class_="name").tail = " "
    add(text, "tspan", row.kind + (", recomputed" if row.recomputed else ""), class_="faint")
    _chips(group, row.indices, (_BOX + 8, top + 21), _OPERATOR - 16, hues)
    for x, values in ((_RESULTS, row.results), (_PARAMETERS, row.parameters)):
        y = top
        for value in values:
            y = _value(group, value, x, y, hues)
    for place, words in enumerate(row.collectives):
        shown = words if len(words) <= _CALL else words[: _CALL - 1] + "\u2026"
        add(group, "text", shown, class_="small", x=_CALLS, y=top + 15 + _LINE * place)


def _value(group: Element, value: Value, x: float, top: float, hues: Mapping[str, str]) -> float:
    """A tensor; returns where the next one goes."""
    sums = f" sums over {value.partial}" if value.partial else ""
    add(group, "text", value.name + sums, class_="small", x=x, y=top + 15)
    bottom = _chips(group, value.chips, (x, top + 21), _COLUMN, hues)
    if value.note:
        add(group, "text", value.note, class_="small faint", x=x, y=bottom + 11)
        bottom += _LINE
    return bottom


def _chips(
    group: Element,
    chips: Sequence[Chip],
    at: tuple[float, float],
    room: float,
    hues: Mapping[str, str],
) -> float:
    """Boxes side by side in as many lines as they need; returns the lower edge."""
    y = at[1]
    for line in _lines(chips, room):
        x = at[0]
        for chip in line:
            _chip(group, chip, x, y, hues)
            x += _width(chip) + 4
        y += _CHIP + 3
    return y


def _chip(group: Element, chip: Chip, x: float, y: float, hues: Mapping[str, str]) -> None:
    width = _width(chip)
    share = width / max(1, len(chip.cuts))
    for place, (axis, ways, _) in enumerate(chip.cuts):
        left = x + place * share
        add(group, "rect", class_=hues[axis], x=left, y=y, width=share, height=_CHIP - 2)
        pieces = min(ways, _PIECES)
        lines = (f"M{short(left + share * i / pieces)} {short(y)}v16" for i in range(1, pieces))
        add(group, "path", class_="seam", d="".join(lines))
    add(group, "rect", class_="chip", x=x, y=y, width=width, height=_CHIP - 2, rx=2.0)
    kind = "number" if chip.cuts else "number whole"
    add(group, "text", chip.label, class_=kind, x=x + width / 2, y=y + 12)


def _width(chip: Chip) -> float:
    return max(20.0, _CHARACTER * len(chip.label) + 10)


def _lines(chips: Sequence[Chip], room: float) -> list[list[Chip]]:
    found: list[list[Chip]] = []
    left = 0.0
    for chip in chips:
        if not found or left < _width(chip):
            found.append([])
            left = room
        found[-1].append(chip)
        left -= _width(chip) + 4
    return found


def _height(row: Row) -> float:
    """Enough for the longest of its columns."""
    indices = 21 + (_CHIP + 3) * len(_lines(row.indices, _OPERATOR - 16))
    values = (sum(map(_value_height, values)) for values in (row.results, row.parameters))
    return max(indices, *values, 8 + _LINE * len(row.collectives)) + 4


def _value_height(value: Value) -> float:
    note = _LINE if value.note else 0.0
    return 21 + (_CHIP + 3) * len(_lines(value.chips, _COLUMN)) + note


def _arcs(
    root: Element, rows: Sequence[Row], tops: Sequence[float], heights: Sequence[float]
) -> None:
    """A line for every tensor that is read, in the first free lane from the right."""
    inside = sorted(
        (
            (read.row, place, read)
            for place, row in enumerate(rows)
            for read in row.inputs
            if read.row is not None
        ),
        key=lambda edge: (edge[1] - edge[0], edge[1]),
    )
    lanes: list[list[tuple[int, int]]] = []
    for start, end, read in inside:
        lane = next((n for n, used in enumerate(lanes) if _is_free(used, start, end)), len(lanes))
        lanes[lane:] = lanes[lane:] or [[]]
        lanes[lane].append((start, end))
        x = max(_ARCS, _BOX - 14 - 11 * lane)
        y, below = tops[start] + heights[start] - 8, tops[end] + 8
        path = f"M{short(_BOX)} {short(y)}H{short(x)}V{short(below)}H{short(_BOX - 5)}"
        kind = "arc moved" if read.is_moved else "arc"
        add(add(root, "path", class_=kind, d=path), "title", read.tensor)
        _head(root, below)
    for place, row in enumerate(rows):
        _from_outside(root, row, tops[place] + 8)


def _from_outside(root: Element, row: Row, y: float) -> None:
    """A short arrow for what another layer makes."""
    found = [read for read in row.inputs if read.row is None]
    if found:
        kind = "arc moved" if any(read.is_moved for read in found) else "arc"
        path = f"M{short(_BOX - 40)} {short(y)}h35"
        words = ", ".join(read.tensor for read in found)
        add(add(root, "path", class_=kind, d=path), "title", words)
        _head(root, y)


def _is_free(used: Sequence[tuple[int, int]], start: int, end: int) -> bool:
    return all(end <= low or high <= start for low, high in used)


def _head(root: Element, y: float) -> None:
    add(root, "path", class_="head", d=f"M{short(_BOX)} {short(y)}l-6 -3.5v7z")


def _said(row: Row) -> str:
    """A row in words, for who cannot see it."""
    cuts = ", ".join(chip.label for chip in row.indices if chip.cuts) or "whole"
    calls = "".join(f"; {words}" for words in row.collectives)
    return f"{row.name}, {row.kind}: {cuts}{calls}"
