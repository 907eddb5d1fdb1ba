"""How the search got on: its best plan and its bound over time, and the gap that is left."""

from __future__ import annotations

from collections.abc import Sequence
from xml.etree.ElementTree import Element

from solver.cli.report.words import amount, percent, seconds
from solver.drawing.elements import add, short
from solver.drawing.units import ticks, time_unit
from solver.events import Document
from solver.page.part import Subject, folded, section, table

_WIDTH, _HEIGHT = 1120.0, 260.0
_LEFT, _TOP, _RIGHT, _BOTTOM = 96.0, 14.0, 130.0, 30.0
_TICKS = 8
_NARROW = 0.02  # least share of the value that the axis of the objective spans


def search(body: Element, about: Subject) -> None:
    """The section: the curves and their numbers, or why there are none."""
    document = about.document
    solver, objective = document["solver"], document["objective"]
    gap = objective["gap"]
    left = "no gap is known" if gap is None else f"a gap of {percent(max(0.0, gap))} is left"
    note = f"Solved in {seconds(solver['wall_s'])}; {left}."
    part = section(body, "search", "Search", note)
    moments = solver.get("progress", [])
    if not any(moment["value"] is not None for moment in moments):
        why = "reproducible plans have none" if solver["reproducible"] else "the plan has none"
        add(part, "p", f"There is no record of the search over time: {why}.", class_="note")
        return
    name = objective["name"]
    _chart(part, moments, name)
    legend = add(part, "ul", class_="legend")
    for kind, words in (("value", "best plan so far"), ("bound", "bound: no plan is better")):
        item = add(legend, "li")
        add(item, "span", class_=f"swatch line {kind}")
        add(item, "span", words)
    rows = [
        (seconds(m["wall_s"]), _said(name, m["value"]), _said(name, m["bound"]), _gap(m))
        for m in moments
    ]
    inside = folded(part, "The same in numbers")
    columns = ("after", "best plan", "bound", "gap")
    table(inside, "Best plan and bound over time", columns, rows, left=0)


def _said(name: str, value: float | None) -> str:
    return "" if value is None else amount(name, value)


def _gap(moment: Document) -> str:
    value, bound = moment["value"], moment["bound"]
    if value is None or bound is None or not value:
        return ""
    return percent(max(0.0, (value - bound) / value))


def _chart(part: Element, moments: Sequence[Document], name: str) -> None:
    """Both curves in steps. Bounds far below the last one are cut off at the lower edge."""
    box = f"0 0 {short(_WIDTH)} {short(_HEIGHT)}"
    label = "Best plan and bound over the time of the search"
    root = add(part, "svg", viewBox=box, role="img", aria_label=label, id="progress")
    end = moments[-1]["wall_s"]
    low, high = _range(moments)

    def x(moment: float) -> float:
        return _LEFT + (_WIDTH - _LEFT - _RIGHT) * (moment / end if end else 0.0)

    def y(value: float) -> float:
        share = min(1.0, max(0.0, (value - low) / (high - low)))
        return _HEIGHT - _BOTTOM - (_HEIGHT - _TOP - _BOTTOM) * share

    unit = time_unit(end)
    for moment in ticks(end, unit, _TICKS):
        at = x(moment)
        path = f"M{short(at)} {short(_TOP)}V{short(_HEIGHT - _BOTTOM)}"
        add(root, "path", class_="grid", d=path)
        place = {"x": at, "y": _HEIGHT - _BOTTOM + 16}
        add(root, "text", unit.say(moment), class_="small middle", **place)
    for share in (0.0, 0.25, 0.5, 0.75, 1.0):
        value = low + share * (high - low)
        path = f"M{short(_LEFT)} {short(y(value))}H{short(_WIDTH - _RIGHT)}"
        add(root, "path", class_="grid", d=path)
        place = {"x": _LEFT - 8, "y": y(value) + 4}
        add(root, "text", amount(name, value), class_="small end", **place)
    for kind in ("value", "bound"):
        points = [(x(m["wall_s"]), y(m[kind])) for m in moments if m[kind] is not None]
        if points:
            add(root, "path", class_=f"curve {kind}", d=_steps(points))
            last = next(m[kind] for m in reversed(moments) if m[kind] is not None)
            place = {"x": points[-1][0] + 8, "y": points[-1][1] + (-3 if kind == "value" else 11)}
            add(root, "text", amount(name, last), class_="small", **place)


def _range(moments: Sequence[Document]) -> tuple[float, float]:
    """Of the objective that is shown: all plans, and the bound from where it is within the spread
    of the plans, or a fiftieth of the best, below the last one."""
    values = [m["value"] for m in moments if m["value"] is not None]
    bounds = [m["bound"] for m in moments if m["bound"] is not None]
    best, worst = min(values), max(values)
    last = bounds[-1] if bounds else best
    margin = max(worst - last, _NARROW * abs(best)) or 1.0
    low = min(last, best) - 0.5 * margin
    return low, max(worst, low + margin)


def _steps(points: Sequence[tuple[float, float]]) -> str:
    (x, y), rest = points[0], points[1:]
    pieces = [f"M{short(x)} {short(y)}", *(f"H{short(a)}V{short(b)}" for a, b in rest)]
    return "".join(pieces)
