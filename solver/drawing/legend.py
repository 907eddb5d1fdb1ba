"""What the colours and lines of a timeline stand for; only what the drawing shows is explained."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from xml.etree.ElementTree import Element

from solver.drawing.elements import add, short
from solver.drawing.picture import Picture
from solver.drawing.rows import HATCH
from solver.drawing.sheet import LEFT, Sheet

_SWATCH = 18.0
_CHARACTER = 6.8  # mean width of a character at 12 pixels
_SPACE = 16.0  # between entries
_LINE = 20.0


@dataclass(frozen=True, slots=True)
class Entry:
    """A swatch and what it stands for; the words alone where `kind` is None."""

    kind: str | None
    words: str


def entries(picture: Picture) -> Iterator[Entry]:
    """The entries, operators first."""
    yield Entry("F0", "F forward")
    yield Entry("B0", "B backward" if picture.is_fused else "B input gradient")
    if any(box.phase == "W" for row in picture.rows for box in row.boxes):
        yield Entry("W0", "W weight gradient")
    if any(row.tail > 0 for row in picture.rows):
        yield Entry(HATCH, "once per step")
    if any(transfer.phase == "reduce" for row in picture.rows for transfer in row.stream):
        yield Entry("reduce", "reduction of gradients")
    if any(transfer.phase == "gather" for row in picture.rows for transfer in row.stream):
        yield Entry("gather", "gather of updated parameters")
    yield Entry("lane", "idle")
    yield Entry("activations", "activations")
    yield Entry("constant", "other memory")
    yield Entry("limit", "memory limit")
    yield Entry(None, "numbers: micro-batches")
    if picture.chunks > 1:
        yield Entry(None, "fainter: later chunks of a device")


def draw_legend(root: Element, sheet: Sheet, top: float) -> None:
    """Entries side by side, in as many lines as they need."""
    group = add(root, "g")
    x = LEFT
    for entry in entries(sheet.picture):
        swatch = _SWATCH + 6 if entry.kind else 0.0
        width = swatch + _CHARACTER * len(entry.words)
        if x > LEFT and x + width > sheet.width:
            x, top = LEFT, top + _LINE
        if entry.kind:
            _swatch(group, entry.kind, x, top)
        add(group, "text", entry.words, x=x + swatch, y=top + 10)
        x += width + _SPACE


def _swatch(group: Element, kind: str, x: float, top: float) -> None:
    if kind == "limit":
        line = f"M{short(x)} {short(top + 6)}h{short(_SWATCH)}"
        add(group, "path", class_="limit", d=line)
        return
    look = {"fill": f"url(#{HATCH})"} if kind == HATCH else {"class": kind}
    swatch = add(group, "rect", x=x, y=top, width=_SWATCH, height=12.0)
    swatch.attrib.update(look)
