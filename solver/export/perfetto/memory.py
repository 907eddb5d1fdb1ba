"""Memory of every stage over the step, as counters in bytes.

`memory` is all that a device holds; its largest value is the peak of the plan. `activations` is the
part that changes: a micro-batch takes it from the start of its F, and gives it back at the ends of
its B and W. At one moment, what ends gives before what starts takes.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

from solver.export.perfetto.tracks import Event, fused_chunks, nanoseconds
from solver.export.saved import SavedPlan


def counters(saved: SavedPlan) -> Iterator[Event]:
    """The counters of every stage, one pair for each moment at which they change."""
    for row in saved.document["memory"]:
        stage = row["device"]
        kept = math.fsum(v for name, v in row["terms"].items() if name != "activations")
        for moment, held in _held(saved, stage):
            yield _counter("memory", stage, moment, kept + held)
            yield _counter("activations", stage, moment, held)


def _held(saved: SavedPlan, stage: int) -> Iterator[tuple[float, float]]:
    """(seconds, bytes of activations from then on), from the start of the step."""
    changes: dict[float, list[float]] = {0.0: []}
    for seconds, change in _changes(saved, stage):
        changes.setdefault(seconds, []).append(change)
    held = 0.0
    for seconds in sorted(changes):
        held = math.fsum((held, *changes[seconds]))
        yield seconds, max(0.0, held)


def _changes(saved: SavedPlan, stage: int) -> Iterator[tuple[float, float]]:
    pipeline = saved.document["pipeline"]
    content = pipeline["stages"][stage]
    chunks: list[Mapping[str, Any]] = content.get("chunks", [content])
    fused = fused_chunks(saved)[stage]
    for action in pipeline["schedule"]:
        if action["stage"] != stage:
            continue
        chunk = action["chunk"]
        total = chunks[chunk]["activation_bytes"]
        early = total if fused[chunk] else chunks[chunk]["released_by_input_grad_bytes"]
        match action["phase"]:
            case "F":
                yield action["start_s"], total
            case "B":
                yield action["end_s"], -early
            case _:
                yield action["end_s"], early - total


def _counter(name: str, stage: int, seconds: float, value: float) -> Event:
    moment = nanoseconds(seconds) / 1000
    return {"name": name, "ph": "C", "pid": stage, "ts": moment, "args": {"bytes": value}}
