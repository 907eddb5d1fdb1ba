"""What the devices do, as slices: a process per stage, a thread per stream.

All devices of a stage do the same, so they are one process. Times are whole nanoseconds, written
in microseconds as the format has them, so that slices that follow each other never overlap by
rounding.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from solver.export.saved import SavedPlan

Event = dict[str, Any]
STREAMS = ("compute", "communication")
"""The threads of a process; `compute` runs the schedule."""
_WORDS = {"F": "forward", "B": "input gradient", "W": "weight gradient"}


def nanoseconds(seconds: float) -> int:
    """The nearest whole nanosecond."""
    return round(seconds * 1e9)


def names(saved: SavedPlan) -> Iterator[Event]:
    """What stages and streams are called, in the order of stages."""
    for row in saved.document["memory"]:
        stage, count = row["device"], row["devices"]
        title = f"stage {stage} ({count} device{'s' if count > 1 else ''})"
        yield _metadata("process_name", stage, 0, {"name": title})
        yield _metadata("process_sort_index", stage, 0, {"sort_index": stage})
        for thread, stream in enumerate(STREAMS):
            yield _metadata("thread_name", stage, thread, {"name": stream})
            yield _metadata("thread_sort_index", stage, thread, {"sort_index": thread})


def slices(saved: SavedPlan) -> Iterator[Event]:
    """Every operator of the schedule, then the work once per step."""
    fused = fused_chunks(saved)
    for action in saved.document["pipeline"]["schedule"]:
        phase, stage, chunk = action["phase"], action["stage"], action["chunk"]
        whole = phase == "B" and fused[stage][chunk]
        arguments = {"microbatch": action["microbatch"], "stage": stage, "chunk": chunk}
        label = f"{phase}{action['microbatch']}" + (f".{chunk}" if len(fused[stage]) > 1 else "")
        kind = "backward" if whole else _WORDS[phase]
        yield _slice(label, kind, 0, action, arguments)
    for step in saved.document["pipeline"].get("step_operators", ()):
        label = step["phase"] + ("" if step["chunk"] is None else f" {step['chunk']}")
        arguments = {"stage": step["stage"], "chunk": step["chunk"]}
        yield _slice(label, step["phase"], STREAMS.index(step["stream"]), step, arguments)


def fused_chunks(saved: SavedPlan) -> list[list[bool]]:
    """Per stage, per chunk: whether B is the whole backward."""
    pipeline = saved.document["pipeline"]
    return [
        [chunk["fused"] for chunk in stage["chunks"]] if "chunks" in stage else [fused]
        for stage, fused in zip(pipeline["stages"], pipeline["fused"], strict=True)
    ]


def _slice(label: str, kind: str, thread: int, entry: Event, arguments: Event) -> Event:
    start, end = nanoseconds(entry["start_s"]), nanoseconds(entry["end_s"])
    return {
        "name": label,
        "cat": kind,
        "ph": "X",
        "pid": entry["stage"],
        "tid": thread,
        "ts": start / 1000,
        "dur": (end - start) / 1000,
        "args": arguments,
    }


def _metadata(name: str, process: int, thread: int, arguments: Event) -> Event:
    return {"name": name, "ph": "M", "pid": process, "tid": thread, "args": arguments}
