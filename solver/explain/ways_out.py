"""Ways out of a conflict as specs, so that each can be planned."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from dsl.render import TextOf
from dsl.spec import Limit, Spec
from solver.events import Document
from solver.explain.answers import Answer, peak
from solver.explain.document import found_plan
from solver.explain.price_wishes import Wish, wishes

GIB = 2.0**30
_TENTH = GIB / 10
_DIGITS = 3  # of a step time that a limit is raised to


@dataclass(frozen=True, slots=True)
class WayOut:
    """A change that makes a plan possible: its row among the `relaxations` of a plan document, and
    the spec with it. `limit`: the limit on the step time that is given up."""

    row: Mapping[str, Any]
    spec: Spec
    limit: Limit | None = None


def ways_out(spec: Spec, document: Document, text_of: TextOf) -> tuple[WayOut, ...]:
    """Those that a document without a plan lists, as specs. Where no pin or limit is to blame,
    settings left out, and devices with enough memory for the plan that needs least."""
    found = wishes(spec, text_of)
    rows = document.get("relaxations", [])
    ways = [way for row in rows if (way := _way(spec, row, found)) is not None]
    if document.get("conflict"):
        return tuple(ways)
    return (*(_setting(wish) for wish in found if not wish.entries), _larger_devices(spec))


def _way(spec: Spec, row: Document, found: tuple[Wish, ...]) -> WayOut | None:
    """The spec with one relaxation."""
    at = (row["file"], row["line"])
    if "bytes" in row:
        limits = tuple(
            replace(limit, value=float(row["bytes"]))
            if (limit.span.file, limit.span.line, limit.text) == (*at, row["text"])
            else limit
            for limit in spec.limits
        )
        return WayOut(row, replace(spec, limits=limits))
    for wish in found:
        if wish.span is not None and (wish.span.file, wish.span.line) == at:
            if wish.kind in ("stages", "microbatches", "recompute"):
                continue
            limit = spec.limits[wish.entries[0] - len(spec.pins)] if wish.kind == "limit" else None
            is_time = limit is not None and limit.quantity == "step_time"
            return WayOut({**row, "text": wish.text}, wish.without, limit if is_time else None)
    return None


def _setting(wish: Wish) -> WayOut:
    """A setting of `train` left to the planner."""
    line = wish.span.line if wish.span else None
    row = {
        "text": wish.text,
        "file": wish.span.file if wish.span else wish.without.path,
        "line": line,
        "change": f"leave out `{wish.text}`",
    }
    return WayOut(row, wish.without)


def _larger_devices(spec: Spec) -> WayOut:
    """The plan that needs least memory, whatever the devices have."""
    kinds = tuple(replace(kind, memory_bytes=2.0**60) for kind in spec.mesh.kinds)
    changed = replace(spec, mesh=replace(spec.mesh, kinds=kinds), objective=("memory",))
    row = {"text": "", "file": spec.mesh.span.file, "line": spec.mesh.span.line, "change": ""}
    return WayOut(row, changed)


def tried(way: WayOut, found: Answer | None) -> Document | None:
    """The row with what its search found; None where the way leads nowhere, or nobody knows.

    What a document lists was found to be possible before: it stays where the search for the best
    plan had too little time. Values that the change names are those of the plan found.
    """
    is_known = bool(way.row["change"].startswith(("drop", "memory")))
    if found is None or found.plan is None:
        return {**way.row, **found_plan(found)} if is_known else None
    row = {**way.row, **found_plan(found)}
    if not row["change"]:
        least = math.ceil(peak(found.plan) / _TENTH) * _TENTH
        row["change"] = f"devices with {least / GIB:.1f} GiB"
        row["text"] = ", ".join(f"device {kind.name}" for kind in way.spec.mesh.kinds)
    if way.limit is not None:
        row["change"] = f"step_time >= {_rounded_up(found.plan['step_time_s'])}"
    return row


def _rounded_up(seconds: float) -> str:
    """A time as the language writes it, not below its value: `12.4 ms`."""
    for scale, unit in ((1.0, "s"), (1e-3, "ms"), (1e-6, "us"), (1e-9, "ns")):
        if seconds >= scale or unit == "ns":
            value = seconds / scale
            step = 10.0 ** (math.floor(math.log10(value)) + 1 - _DIGITS)
            shown = f"{math.ceil(value / step - 1e-9) * step:.6f}"
            return f"{shown.rstrip('0').rstrip('.')} {unit}"
    raise AssertionError("a nanosecond is the last unit")
