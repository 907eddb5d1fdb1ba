"""The timeline of a step as SVG: one row per stage with its operators and its memory over time.

The drawing follows the viewer's choice of light or dark (CSS `prefers-color-scheme`), loads nothing
and runs nothing. Its `title` and `desc` say in words what it shows (SVG 2, section 5.5).
"""

from __future__ import annotations

from typing import Any
from xml.etree.ElementTree import Element

from solver.drawing import words
from solver.drawing.elements import add, finish, short, start
from solver.drawing.legend import draw_legend
from solver.drawing.picture import read
from solver.drawing.rows import HATCH, draw_row
from solver.drawing.sheet import LEFT, TOP, Sheet, sheet
from solver.drawing.style import style_sheet
from solver.drawing.units import ticks

_LEGEND_TOP = 86.0
_TICK = 90.0  # least pixels from tick to tick


def timeline_svg(document: dict[str, Any]) -> str:
    """The drawing of a verified plan document that holds a plan."""
    scale = sheet(read(document))
    root = start(scale.width, scale.height)
    _describe(root, scale)
    _define(root, scale)
    add(root, "rect", class_="plate", width=scale.width, height=scale.height)
    _head(root, scale)
    draw_legend(root, scale, _LEGEND_TOP)
    for place in range(len(scale.picture.rows)):
        draw_row(root, scale, place)
    _axis(root, scale)
    return finish(root)


def _describe(root: Element, scale: Sheet) -> None:
    """Title and description, which screen readers read out."""
    picture = scale.picture
    root.set("role", "img")
    root.set("aria-labelledby", "mmp-title mmp-description")
    add(root, "title", words.title(picture), id="mmp-title")
    rows = (words.row(row, picture.step_time, scale.memory) for row in picture.rows)
    lines = (words.shape(picture), *words.bubble(picture), *rows)
    add(root, "desc", ". ".join(lines) + ".", id="mmp-description")


def _define(root: Element, scale: Sheet) -> None:
    add(root, "style", style_sheet(scale.picture.chunks))
    hatch = add(
        add(root, "defs"),
        "pattern",
        id=HATCH,
        width=6.0,
        height=6.0,
        patternUnits="userSpaceOnUse",
        patternTransform="rotate(45)",
    )
    add(hatch, "path", class_="hatch", d="M1.5 0v6", stroke_width=2.0)


def _head(root: Element, scale: Sheet) -> None:
    picture = scale.picture
    add(root, "text", words.title(picture), class_="head", x=LEFT, y=24.0)
    for place, line in enumerate((words.shape(picture), *words.bubble(picture))):
        add(root, "text", line, x=LEFT, y=42.0 + 16 * place)


def _axis(root: Element, scale: Sheet) -> None:
    """Ticks above and below the rows, joined by thin lines over them."""
    group = add(root, "g")
    top, bottom = TOP - 6, scale.bottom
    for y in (top - 6, bottom + 16):
        add(group, "text", f"time, {scale.time.name}", class_="small faint end", x=LEFT - 8, y=y)
    lines = []
    for moment in ticks(scale.picture.step_time, scale.time, int(scale.plot / _TICK)):
        x = scale.x(moment)
        lines.append(f"M{short(x)} {short(top)}V{short(bottom)}")
        for y in (top - 6, bottom + 16):
            number = f"{moment / scale.time.size:.6g}"
            add(group, "text", number, class_="small middle", x=x, y=y)
    add(group, "path", class_="grid", d="".join(lines))
