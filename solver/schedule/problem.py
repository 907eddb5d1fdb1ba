"""What the pipeline operator scheduler is asked and what it answers.

Times are seconds, memory is bytes. Everything is frozen; nothing here knows a solver.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

Phase = Literal["F", "B", "W"]
Status = Literal["optimal", "feasible", "infeasible", "unknown"]
Source = Literal["order", "bound", "cpsat", "memory"]

PROOF_TOLERANCE = 1e-5
"""A schedule counts as proved when its makespan exceeds the bound by at most this fraction:
times are rounded down to integer ticks for the proof, and the rounding adds up along a path."""


@dataclass(frozen=True, slots=True)
class Chunk:
    """One chunk of the model on one device (a device may hold several).

    `forward`, `input_grad` and `weight_grad` are seconds per micro-batch. `activation_bytes` are
    allocated when a forward starts; `released_by_input_grad` of them are freed when its input
    gradient ends, the rest when its weight gradient ends. `workspace_bytes` are needed on top while
    any operator of the chunk runs.
    """

    name: str
    device: int
    forward: float
    input_grad: float
    weight_grad: float
    activation_bytes: float
    released_by_input_grad: float
    workspace_bytes: float = 0.0


@dataclass(frozen=True, slots=True)
class Edge:
    """A data dependency between chunks: `F(target, m)` starts at least `delay` seconds after
    `F(source, m)` ends, and the backward of `source` at least `delay` after that of `target`."""

    source: int
    target: int
    delay: float


@dataclass(frozen=True, slots=True)
class ScheduleProblem:
    """Operators of all chunks and micro-batches to be ordered on their devices.

    `capacity_bytes` is what each device has for activations and workspace; `tails` are the seconds
    each device still needs after its last operator (gradient reduction, optimizer).

    With `split_backward` the weight gradient W is an operator of its own. Without it, B and W are
    one fused operator, W directly after B, and the gradient leaves the chunk only when both are
    done. `family` names a fixed operator order (see `solver.schedule.families`); None leaves it
    free.

    Raises ValueError when the parts do not fit together (see `validate`).
    """

    devices: int
    chunks: tuple[Chunk, ...]
    edges: tuple[Edge, ...]
    microbatches: int
    capacity_bytes: tuple[float, ...]
    tails: tuple[float, ...]
    split_backward: bool
    family: str | None = None

    def __post_init__(self) -> None:
        _validate(self)


@dataclass(frozen=True, slots=True)
class Action:
    """One operator in its place: seconds from the start of the step."""

    chunk: int
    microbatch: int
    phase: Phase
    start: float
    end: float


@dataclass(frozen=True, slots=True)
class Schedule:
    """A complete, checked schedule.

    `actions` are sorted by device, then start. `makespan` includes the tails. `bound` is a valid
    lower bound on the makespan of every schedule of the problem (of its fixed order, when the
    problem names a family). `proved`: the two agree up to `PROOF_TOLERANCE`.
    """

    actions: tuple[Action, ...]
    makespan: float
    bound: float
    proved: bool


@dataclass(frozen=True, slots=True)
class ScheduleResult:
    """What `solve` found. `schedule` is None exactly when `status` is "infeasible" or "unknown";
    `bound` is then infinite, or the lower bound known. `source` says where the bound came from:
    "order" (a fixed order), "bound" (combinatorial), "cpsat" (a search) or "memory"
    (infeasible)."""

    status: Status
    schedule: Schedule | None
    bound: float
    source: Source


def is_proved(makespan: float, bound: float) -> bool:
    """Whether `bound` closes `makespan` up to `PROOF_TOLERANCE`."""
    return makespan <= bound * (1.0 + PROOF_TOLERANCE)


def topological_order(problem: ScheduleProblem) -> tuple[int, ...]:
    """Chunk numbers, sources first, the lowest number first among equals.

    Raises ValueError when the chunks depend on each other in a circle.
    """
    waiting = [0] * len(problem.chunks)
    targets: list[list[int]] = [[] for _ in problem.chunks]
    for edge in problem.edges:
        waiting[edge.target] += 1
        targets[edge.source].append(edge.target)
    ready = [c for c, count in enumerate(waiting) if count == 0]
    order: list[int] = []
    while ready:
        chunk = heapq.heappop(ready)
        order.append(chunk)
        for target in targets[chunk]:
            waiting[target] -= 1
            if waiting[target] == 0:
                heapq.heappush(ready, target)
    if len(order) < len(problem.chunks):
        raise ValueError("the chunks depend on each other in a circle")
    return tuple(order)


def _validate(problem: ScheduleProblem) -> None:
    if problem.devices < 1 or problem.microbatches < 1 or not problem.chunks:
        raise ValueError("a schedule needs at least one device, one chunk and one micro-batch")
    if len(problem.capacity_bytes) != problem.devices or len(problem.tails) != problem.devices:
        raise ValueError("capacity_bytes and tails need one entry per device")
    _need_nonnegative(problem.tails, "tails")
    if any(math.isnan(c) for c in problem.capacity_bytes):
        raise ValueError("capacity_bytes must be numbers")
    for chunk in problem.chunks:
        _validate_chunk(chunk, problem.devices)
    for edge in problem.edges:
        if not (0 <= edge.source < len(problem.chunks) and 0 <= edge.target < len(problem.chunks)):
            raise ValueError(f"edge {edge.source} -> {edge.target} names a chunk that is not there")
        _need_nonnegative((edge.delay,), f"the delay of edge {edge.source} -> {edge.target}")
    topological_order(problem)


def _validate_chunk(chunk: Chunk, devices: int) -> None:
    if not 0 <= chunk.device < devices:
        raise ValueError(f"chunk {chunk.name} is on device {chunk.device} of {devices}")
    times = (chunk.forward, chunk.input_grad, chunk.weight_grad)
    _need_nonnegative(times, f"the times of chunk {chunk.name}")
    _need_nonnegative((chunk.activation_bytes, chunk.workspace_bytes), f"bytes of {chunk.name}")
    if not 0 <= chunk.released_by_input_grad <= chunk.activation_bytes:
        raise ValueError(
            f"chunk {chunk.name} releases more than it allocates, or less than nothing"
        )


def _need_nonnegative(values: Iterable[float], what: str) -> None:
    if not all(math.isfinite(v) and v >= 0 for v in values):
        raise ValueError(f"{what} must be finite and not negative")
