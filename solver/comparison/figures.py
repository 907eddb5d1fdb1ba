"""The figures of two plans: time, memory, communication."""

from __future__ import annotations

import math
from collections.abc import Iterator
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
    pairs = list(zip(before["pipeline"]["stages"], after["pipeline"]["stages"], strict=False))
    if len(before["pipeline"]["stages"]) != len(after["pipeline"]["stages"]):
        return
    for old, new in pairs:
        changed = [field for field in _PARTS if not is_same(old[field], new[field])]
        words = ", ".join(
            f"{_PARTS[field]} from {seconds(old[field])} to {seconds(new[field])}"
            for field in changed
        )
        if changed:
            a, b = ({field: stage[field] for field in changed} for stage in (old, new))
            yield old["stage"], a, b, words


def memory(before: Document, after: Document) -> Iterator[Difference]:
    """Peak and limit of every stage's devices, with the terms that changed; of the fullest device
    where the plans have different numbers of stages."""
    old, new = before["memory"], after["memory"]
    if len(old) == len(new):
        rows = ((a["device"], a, b) for a, b in zip(old, new, strict=True))
        yield from of_stages("memory", _stage_memory(rows))
        return
    a, b = (max(rows, key=lambda row: float(row["peak_bytes"])) for rows in (old, new))
    words = _memory_words(a, b)
    if words:
        names = f"{stages([a['device']])} before, {stages([b['device']])} after"
        text = f"fullest device ({names}): {words}"
        yield Difference("memory", "fullest device", _memory(a), _memory(b), text)


def _stage_memory(
    rows: Iterator[tuple[int, Document, Document]],
) -> Iterator[tuple[int, Any, Any, str]]:
    for stage, a, b in rows:
        words = _memory_words(a, b)
        if words:
            yield stage, _memory(a), _memory(b), words


def _memory(row: Document) -> Document:
    return {name: row[name] for name in ("peak_bytes", "limit_bytes", "terms")}


def _memory_words(a: Document, b: Document) -> str:
    """`peak from 71.2 GiB to 65.0 GiB (activations -6.2 GiB), limit from ...`; "" if none."""
    names = dict.fromkeys((*a["terms"], *b["terms"]))
    moved = {n: b["terms"].get(n, 0.0) - a["terms"].get(n, 0.0) for n in names}
    largest = max(a["peak_bytes"], b["peak_bytes"])
    by_term = ", ".join(
        f"{name} {_signed(size(by))}" for name, by in moved.items() if abs(by) > 1e-9 * largest
    )
    parts = []
    if not is_same(a["peak_bytes"], b["peak_bytes"]):
        terms = f" ({by_term})" if by_term else ""
        parts.append(f"peak from {size(a['peak_bytes'])} to {size(b['peak_bytes'])}{terms}")
    elif by_term:
        parts.append(by_term)
    if not is_same(a["limit_bytes"], b["limit_bytes"]):
        parts.append(f"limit from {size(a['limit_bytes'])} to {size(b['limit_bytes'])}")
    return ", ".join(parts)


def communication(before: Document, after: Document) -> Iterator[Difference]:
    """Every kind of collective over the same axes: calls, bytes and seconds of a step, before
    overlap, summed over operators and stages."""
    a, b = _traffic(before), _traffic(after)
    for name in dict.fromkeys((*a, *b)):
        old, new = a.get(name), b.get(name)
        if old is None or new is None or not all(map(is_same, old, new)):
            words = f"{name} from {_traffic_words(old)} to {_traffic_words(new)}"
            yield Difference("communication", name, _traffic_json(old), _traffic_json(new), words)


def _traffic(document: Document) -> dict[str, tuple[float, float, float]]:
    axes = Axes(document)
    calls: dict[str, list[tuple[float, float, float]]] = {}
    for call in document["communication"]:
        name = f"{call['collective'].replace('_', '-')} over {axes.words(call['axes'])}"
        count = call["count"]
        calls.setdefault(name, []).append((count, count * call["bytes"], count * call["seconds"]))
    return {
        name: (math.fsum(n for n, _, _ in r), math.fsum(b for _, b, _ in r), _last(r))
        for name, r in calls.items()
    }


def _last(rows: list[tuple[float, float, float]]) -> float:
    return math.fsum(row[2] for row in rows)


def _traffic_words(found: tuple[float, float, float] | None) -> str:
    if found is None:
        return "none"
    calls, amount_of, length = found
    return f"{calls:,.0f} calls, {size(amount_of)}, {seconds(length)}"


def _traffic_json(found: tuple[float, float, float] | None) -> Document | None:
    return None if found is None else dict(zip(("calls", "bytes", "seconds"), found, strict=True))


def _signed(words: str) -> str:
    return words if words.startswith("-") else f"+{words}"
