"""What a timeline shows, read from a plan document (solver/README.md section 9)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Box:
    """One operator of the schedule, in seconds; `chunk` counts those of its device from 0."""

    phase: str
    microbatch: int
    chunk: int
    start: float
    end: float


@dataclass(frozen=True, slots=True)
class Transfer:
    """A collective of parameters once per step, in seconds; a gather may end after the step, under
    the first forward of the next one."""

    phase: str
    chunk: int
    start: float
    end: float


@dataclass(frozen=True, slots=True)
class Row:
    """The devices of a stage, which are all alike. Seconds and bytes.

    `stream` are the collectives on the communication stream that take any time; `held` are the
    activations in flight from each moment on, in order of time.
    """

    device: int
    devices: int
    boxes: tuple[Box, ...]
    stream: tuple[Transfer, ...]
    tail: float
    held: tuple[tuple[float, float], ...]
    terms: tuple[tuple[str, float], ...]
    peak: float
    limit: float

    @property
    def constant(self) -> float:
        """The bytes of everything but activations."""
        return math.fsum(size for name, size in self.terms if name != "activations")

    @property
    def first_start(self) -> float:
        """When the first operator starts."""
        return self.boxes[0].start if self.boxes else 0.0

    @property
    def last_end(self) -> float:
        """When the last operator ends and the work once per step begins."""
        return max((box.end for box in self.boxes), default=0.0)

    @property
    def work(self) -> float:
        """Seconds of all operators."""
        return math.fsum(box.end - box.start for box in self.boxes)

    @property
    def idle_between(self) -> float:
        """The span bubble: idle seconds between the first and the last operator."""
        return _idle(self.last_end - self.first_start, self.work)

    def idle_in(self, step_time: float) -> float:
        """The makespan bubble: idle seconds of the step; the work once per step is none."""
        return _idle(step_time, self.work + self.tail)


@dataclass(frozen=True, slots=True)
class Picture:
    """A whole plan: rows by device; `chunks` is the most that a device has."""

    path: str | None
    step_time: float
    microbatches: int
    family: str | None
    is_fused: bool
    chunks: int
    rows: tuple[Row, ...]

    @property
    def has_stream(self) -> bool:
        """Whether any collective of parameters runs once per step."""
        return any(row.stream for row in self.rows)

    @property
    def makespan_bubble(self) -> float:
        """Idle seconds of the step, the mean over devices."""
        return math.fsum(row.idle_in(self.step_time) for row in self.rows) / len(self.rows)

    @property
    def span_bubble(self) -> float:
        """Idle seconds between a device's first and last operator, the mean over devices."""
        return math.fsum(row.idle_between for row in self.rows) / len(self.rows)


def read(document: dict[str, Any]) -> Picture:
    """The picture of a document that holds a plan."""
    pipeline = document["pipeline"]
    actions: dict[int, list[dict[str, Any]]] = {}
    for action in pipeline["schedule"]:
        actions.setdefault(action["device"], []).append(action)
    streams: dict[int, list[dict[str, Any]]] = {}
    for entry in pipeline["step_operators"]:
        if entry["stream"] == "communication":
            streams.setdefault(entry["stage"], []).append(entry)
    rows = tuple(
        _row(entry, pipeline["stages"][at], actions.get(entry["device"], []), streams.get(at, []))
        for at, entry in enumerate(document["memory"])
    )
    sources = document.get("sources", [])
    return Picture(
        path=sources[0]["path"] if sources else None,
        step_time=document["step_time_s"],
        microbatches=pipeline["microbatches"],
        family=pipeline["family"],
        is_fused=all(pipeline["fused"]),
        chunks=max((box.chunk + 1 for row in rows for box in row.boxes), default=1),
        rows=rows,
    )


def _idle(length: float, busy: float) -> float:
    """What is left of a time; less than a billionth of it is the rounding of sums."""
    return length - busy if length - busy > 1e-9 * length else 0.0


def _row(
    memory: dict[str, Any],
    stage: dict[str, Any],
    actions: list[dict[str, Any]],
    stream: list[dict[str, Any]],
) -> Row:
    boxes = tuple(
        Box(a["phase"], a["microbatch"], a["chunk"], a["start_s"], a["end_s"])
        for a in sorted(actions, key=lambda a: (a["start_s"], a["end_s"]))
    )
    return Row(
        device=memory["device"],
        devices=memory["devices"],
        boxes=boxes,
        stream=tuple(
            Transfer(entry["phase"], entry["chunk"], entry["start_s"], entry["end_s"])
            for entry in stream
            if entry["end_s"] > entry["start_s"]
        ),
        tail=stage["tail_s"],
        held=_held(boxes, stage.get("chunks", [stage])),
        terms=tuple(memory["terms"].items()),
        peak=memory["peak_bytes"],
        limit=memory["limit_bytes"],
    )


def _held(
    boxes: Sequence[Box], chunks: Sequence[dict[str, Any]]
) -> tuple[tuple[float, float], ...]:
    """Bytes in flight: F takes all at its start, the end of B frees a part, that of W the rest.

    A device runs one operator at a time, so the order of operators is that of their memory too.
    """
    now = 0.0
    found = [(0.0, 0.0)]
    for box in boxes:
        total = chunks[box.chunk]["activation_bytes"]
        by_input_grad = chunks[box.chunk]["released_by_input_grad_bytes"]
        if box.phase == "F":
            moment, change = box.start, total
        elif box.phase == "B":
            moment, change = box.end, -by_input_grad
        else:
            moment, change = box.end, by_input_grad - total
        now += change
        found.append((moment, max(0.0, now)))
    return tuple(found)
