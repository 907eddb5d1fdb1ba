"""The figures of two plans: time, memory, communication."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, astuple, dataclass
from typing import Any

from solver.cli.report.words import amount, percent, seconds, size
from solver.comparison.axes import Axes
from solver.comparison.difference import Difference, is_same, of_stages, stages

Document = dict[str, Any]
_PARTS = {
    "forward_s": "forward",
    "input_grad_s": "input gradient",
    "weight_grad_s": "weight gradient",
    "tail_s": "once per step",
}


def time(before: Document, after: Document) -> Iterator[Difference]:
    """Step time, objective, penalty, bubble, and what one micro-batch takes on every stage."""
    a, b = before["objective"], after["objective"]
    yield from _figure("step time", before["step_time_s"], after["step_time_s"])
    if a["name"] != b["name"]:
        words = f"objective from {a['name']} to {b['name']}"
        yield Difference("time", "objective", a["name"], b["name"], words)
    elif a["penalty"] or b["penalty"] or a["name"] != "step_time":
        for what, field in (("objective", "value"), ("penalty", "penalty")):
            yield from _figure(what, a[field], b[field], a["name"])
    old, new = (d["pipeline"]["bubble"] for d in (before, after))
    if not is_same(old, new) and abs(old - new) > 1e-12:
        words = f"bubble from {percent(old)} to {percent(new)}"
        yield Difference("time", "bubble", old, new, words)
    yield from of_stages("time", _stage_times(before, after))


def _figure(what: str, old: float, new: float, kind: str = "step_time") -> Iterator[Difference]:
    if not is_same(old, new):
        share = f" ({_signed(percent((new - old) / old))})" if old else ""
        words = f"{what} from {amount(kind, old)} to {amount(kind, new)}{share}"
        yield Difference("time", what, old, new, words)


def _stage_times(before: Document, after: Document) -> Iterator[tuple[int, Any, Any, str]]:
    a, b = before["pipeline"]["stages"], after["pipeline"]["stages"]
    if len(a) != len(b):
        return
    for old, new in zip(a, b, strict=True):
        known = [field for field in _PARTS if field in old and field in new]
        changed = [field for field in known if not is_same(old[field], new[field])]
        words = ", ".join(
            f"{_PARTS[field]} from {seconds(old[field])} to {seconds(new[field])}"
            for field in changed
        )
        if changed:
            values = [{field: stage[field] for field in changed} for stage in (old, new)]
            yield old["stage"], *values, words


def memory(before: Document, after: Document) -> Iterator[Difference]:
    """Peak and limit of every stage's devices, with the terms that changed; of the fullest device
    where the plans have different numbers of stages."""
    old, new = before["memory"], after["memory"]
    if len(old) == len(new):
        yield from of_stages("memory", _stage_memory(old, new))
        return
    a, b = (max(rows, key=lambda row: float(row["peak_bytes"])) for rows in (old, new))
    found = _moved(a, b)
    if found:
        places = f"{stages([a['device']])} before, {stages([b['device']])} after"
        text = f"fullest device ({places}): {', '.join(found.values())}"
        yield Difference("memory", "fullest device", _of(a, found), _of(b, found), text)


def _stage_memory(
    old: Sequence[Document], new: Sequence[Document]
) -> Iterator[tuple[int, Any, Any, str]]:
    for a, b in zip(old, new, strict=True):
        found = _moved(a, b)
        if found:
            yield a["device"], _of(a, found), _of(b, found), ", ".join(found.values())


def _of(row: Document, fields: Iterable[str]) -> Document:
    return {field: row[field] for field in fields}


def _moved(a: Document, b: Document) -> dict[str, str]:
    """What changed of the memory of a device, by field: `peak from 71.2 GiB to 65.0 GiB`, and so
    on."""
    found = {}
    for field, name in (("peak_bytes", "peak"), ("limit_bytes", "limit")):
        if not is_same(a[field], b[field]):
            found[field] = f"{name} from {size(a[field])} to {size(b[field])}"
    terms = _moved_terms(a["terms"], b["terms"], 1e-9 * max(a["peak_bytes"], b["peak_bytes"]))
    if terms:
        found["terms"] = terms
    return found


def _moved_terms(a: dict[str, float], b: dict[str, float], noise: float) -> str:
    """`activations -6.2 GiB, buffers +1.0 GiB`."""
    moved = {name: b.get(name, 0.0) - a.get(name, 0.0) for name in dict.fromkeys((*a, *b))}
    shown = (f"{name} {_signed(size(by))}" for name, by in moved.items() if abs(by) > noise)
    return ", ".join(shown)


@dataclass(frozen=True, slots=True)
class _Traffic:
    """Calls, bytes and seconds of a step."""

    calls: float
    bytes: float
    seconds: float

    def words(self) -> str:
        return f"{self.calls:,.0f} calls, {size(self.bytes)}, {seconds(self.seconds)}"

    def is_like(self, other: _Traffic) -> bool:
        pairs = zip(astuple(self), astuple(other), strict=True)
        return all(is_same(a, b) for a, b in pairs)


def communication(before: Document, after: Document) -> Iterator[Difference]:
    """Every kind of collective over the same axes: calls, bytes and seconds of a step, before
    overlap, summed over operators and stages."""
    a, b = _traffic(before), _traffic(after)
    for name in dict.fromkeys((*a, *b)):
        old, new = a.get(name), b.get(name)
        if old is None or new is None or not old.is_like(new):
            sides = (old.words() if old else "none", new.words() if new else "none")
            values = (asdict(old) if old else None, asdict(new) if new else None)
            words = f"{name} from {sides[0]} to {sides[1]}"
            yield Difference("communication", name, *values, words)


def _traffic(document: Document) -> dict[str, _Traffic]:
    axes = Axes(document)
    calls: dict[str, list[Document]] = {}
    for call in document["communication"]:
        name = f"{call['collective'].replace('_', '-')} over {axes.words(call['axes'])}"
        calls.setdefault(name, []).append(call)
    return {
        name: _Traffic(
            math.fsum(row["count"] for row in rows),
            math.fsum(row["count"] * row["bytes"] for row in rows),
            math.fsum(row["count"] * row["seconds"] for row in rows),
        )
        for name, rows in calls.items()
    }


def _signed(words: str) -> str:
    return words if words.startswith("-") else f"+{words}"
