"""The timeline: what every stage runs when, and what it holds, drawn once for any zoom.

The rows are paths in a drawing of their own inside the picture, whose window of time the script
moves; nothing is drawn anew but ticks and numbers. Without a script the whole step is seen.
"""

from __future__ import annotations

from xml.etree.ElementTree import Element

from solver.cli.report.words import gib, seconds
from solver.drawing import words
from solver.drawing.elements import add, short
from solver.drawing.legend import Entry, entries
from solver.drawing.picture import Row
from solver.drawing.rows import HATCH
from solver.drawing.units import ticks
from solver.page.part import Subject, folded, section, table
from solver.page.scale import (
    BOTTOM,
    DRAWN,
    LANE,
    LEFT,
    MEMORY,
    PLOT,
    STREAM,
    TOP,
    WIDTH,
    Scale,
    scale,
)
from solver.page.schedule import data

_TICKS = 10
_KEYS = (
    "Keys, once the picture has the focus: left and right move in time, + and - zoom, 0 shows "
    "the whole step, up and down choose a stage, n and p the next and the previous operator, "
    "Escape chooses none. Click an operator for its times; drag to move; Ctrl and the wheel zoom."
)
_BUTTONS = (
    ("in", "+", "zoom in"),
    ("out", "-", "zoom out"),
    ("all", "whole step", "show the whole step"),
    ("left", "\u2190", "earlier"),
    ("right", "\u2192", "later"),
)


def timeline(body: Element, about: Subject) -> None:
    """The section with its tools, picture, legend and, as a table, its idle times."""
    picture, found = about.picture, scale(about.picture)
    part = section(body, "timeline", "Timeline", words.shape(picture) + ".")
    tools = add(part, "div", class_="tools", role="toolbar", aria_label="Zoom of the timeline")
    for name, sign, label in _BUTTONS:
        add(tools, "button", sign, type="button", data_do=name, aria_label=label, title=label)
    add(tools, "output", id="detail", aria_live="polite")
    _picture(part, found)
    _legend(part, found)
    add(part, "p", _KEYS, class_="note keys", id="keys")
    inside = folded(part, "Idle time and memory of every stage")
    rows = [_idle_row(row, picture.step_time) for row in picture.rows]
    columns = ("stage", "idle", "of it between operators", "peak, GiB", "limit, GiB")
    table(inside, "Idle seconds of a step and memory, by stage", columns, rows)
    add(inside, "p", ". ".join(words.bubble(picture)) + ".", class_="note")
    script = add(part, "script", data(found), id="schedule", type="application/json")
    script.tail = "\n"


def _idle_row(row: Row, step_time: float) -> tuple[str, ...]:
    idle, between = row.idle_in(step_time), row.idle_between
    shown = (seconds(idle), seconds(between))
    return (str(row.device), *shown, gib(row.peak), gib(row.limit))


def _picture(part: Element, found: Scale) -> None:
    height = TOP + found.plot_height + BOTTOM
    root = add(
        part,
        "svg",
        id="picture",
        viewBox=f"0 0 {short(WIDTH)} {short(height)}",
        tabindex="0",
        role="application",
        aria_label=words.title(found.picture),
        aria_describedby="keys",
    )
    for place, row in enumerate(found.picture.rows):
        _labels(root, found, row, TOP + found.pitch * place)
    plot = add(
        root,
        "svg",
        id="plot",
        class_="dense" if found.is_dense else "",
        x=LEFT,
        y=TOP,
        width=PLOT,
        height=found.plot_height,
        viewBox=f"0 0 {DRAWN} {short(found.plot_height)}",
        preserveAspectRatio="none",
    )
    for place, row in enumerate(found.picture.rows):
        _row(plot, found, row, found.pitch * place)
    _axis(root, found)
    add(root, "g", id="numbers")
    add(root, "rect", id="choice", x=0.0, y=0.0, width=0.0, height=0.0)


def _labels(root: Element, found: Scale, row: Row, top: float) -> None:
    add(root, "text", f"stage {row.device}", class_="end", x=LEFT - 8, y=top + 15)
    devices = words.count(row.devices, "device")
    add(root, "text", devices, class_="small faint end", x=LEFT - 8, y=top + 30)
    right, base = LEFT + PLOT + 8, top + found.memory_top + MEMORY
    add(root, "text", f"peak {found.memory.say(row.peak)}", class_="small", x=right, y=base - 14)
    limit = f"limit {found.memory.say(row.limit)}"
    add(root, "text", limit, class_="small faint", x=right, y=base - 1)


def _axis(root: Element, found: Scale) -> None:
    """Ticks of the whole step; the script puts others in their place."""
    group = add(root, "g", id="ticks")
    bottom = TOP + found.plot_height
    step = found.picture.step_time
    for moment in ticks(step, found.time, _TICKS):
        x = LEFT + PLOT * moment / step if step else LEFT
        add(group, "path", class_="grid", d=f"M{short(x)} {short(TOP)}V{short(bottom)}")
        number = found.time.number(moment)
        add(group, "text", number, class_="small middle", x=x, y=TOP - 8)
        add(group, "text", number, class_="small middle", x=x, y=bottom + 14)
    name = f"time, {found.time.name}"
    add(root, "text", name, class_="small faint end", x=LEFT - 8, y=TOP - 8)


def _row(plot: Element, found: Scale, row: Row, top: float) -> None:
    group = add(plot, "g")
    add(group, "rect", class_="lane", x=0.0, y=top, width=float(DRAWN), height=LANE)
    if row.tail > 0:
        _bar(group, found, "tail", (row.last_end, row.last_end + row.tail), (top, LANE))
    paths: dict[str, list[str]] = {}
    for box in row.boxes:
        start, end = found.drawn(box.start), found.drawn(box.end)
        piece = f"M{start} {short(top)}h{end - start}v{short(LANE)}h{start - end}z"
        paths.setdefault(f"{box.phase}{box.chunk}", []).append(piece)
    for kind, pieces in paths.items():
        add(group, "path", class_=f"box {kind}", d="".join(pieces))
    for transfer in row.stream:
        step, height = found.picture.step_time, (top + LANE + 1, STREAM - 2)
        _bar(group, found, transfer.phase, (transfer.start, min(transfer.end, step)), height)
        _bar(group, found, transfer.phase, (0.0, transfer.end - step), height)
    _memory(group, found, row, top + found.memory_top)


def _bar(
    group: Element,
    found: Scale,
    kind: str,
    times: tuple[float, float],
    place: tuple[float, float],
) -> None:
    """A rectangle of a class from a start to an end, at a top with a height; none if it is over."""
    start, end = map(found.drawn, times)
    if end > start:
        x, width = float(start), float(end - start)
        add(group, "rect", class_=kind, x=x, y=place[0], width=width, height=place[1])


def _memory(group: Element, found: Scale, row: Row, top: float) -> None:
    base = top + MEMORY
    floor = base - found.rise(row.constant)
    everything = float(DRAWN)
    add(group, "rect", class_="lane", x=0.0, y=top, width=everything, height=MEMORY)
    add(group, "rect", class_="constant", x=0.0, y=floor, width=everything, height=base - floor)
    steps = [
        f"H{found.drawn(moment)}V{short(floor - found.rise(size))}" for moment, size in row.held
    ]
    curve = f"M0 {short(floor)}{''.join(steps)}H{DRAWN}V{short(floor)}z"
    add(group, "path", class_="activations", d=curve)
    limit = short(base - found.rise(row.limit))
    add(group, "path", class_="limit", d=f"M0 {limit}H{DRAWN}")


def _legend(part: Element, found: Scale) -> None:
    group = add(part, "ul", class_="legend")
    for entry in entries(found.picture):
        item = add(group, "li")
        if entry.kind is not None:
            add(item, "span", class_=f"swatch {_swatch(entry)}")
        words_of = add(item, "span", entry.words)
        words_of.tail = " "


def _swatch(entry: Entry) -> str:
    return "tail" if entry.kind == HATCH else str(entry.kind)
