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
Objective = Literal["makespan", "span"]
Place = tuple[int, Phase, int]
"""An operator: chunk, phase, micro-batch."""

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

    A device runs one operator at a time per `stream` (0: compute, others for example collectives
    that hide behind it). Chunks on other streams than 0 hold no memory: it is charged to the
    compute chunk beside them.
    """

    name: str
    device: int
    forward: float
    input_grad: float
    weight_grad: float
    activation_bytes: float
    released_by_input_grad: float
    workspace_bytes: float = 0.0
    stream: int = 0


@dataclass(frozen=True, slots=True)
class Edge:
    """A data dependency between chunks: `F(target, m)` starts at least `delay` seconds after
    `F(source, m)` ends, and the backward of `source` at least `delay` after that of `target`.

    With a `link` the activations first occupy it for `transfer` seconds, one message at a time, and
    `delay` is the latency after that; so do gradients with a `back_link` (equal to `link` where
    both directions share it). Without, any number of messages is under way at once.
    """

    source: int
    target: int
    delay: float
    transfer: float = 0.0
    link: int | None = None
    back_link: int | None = None


@dataclass(frozen=True, slots=True)
class OrderPin:
    """`before` ends before `after` starts: always, or where breaking it saves less than `weight`
    seconds of the objective."""

    before: Place
    after: Place
    weight: float | None = None


@dataclass(frozen=True, slots=True)
class ScheduleProblem:
    """Operators of all chunks and micro-batches to be ordered on their devices.

    `capacity_bytes` is what each device has for activations and workspace; `tails` are the seconds
    each device still needs after its last operator (gradient reduction, optimizer).

    With `split_backward` the weight gradient W is an operator of its own. Without it, B and W are
    one fused operator, W directly after B, and the gradient leaves the chunk only when both are
    done. `family` names a fixed operator order (see `solver.schedule.families`); None leaves it
    free. The `objective` is the makespan, or the span: the largest time from the first start on a
    device to its last end and tail, which is the period of steps that need not end together.

    `microbatches` run through every chunk, in the same order through each: micro-batch m of a pin
    is the m-th one to run. A bidirectional pipeline is two chains of chunks over the same devices,
    with half of the micro-batches each.

    Raises ValueError when the parts do not fit together (see `_validate`).
    """

    devices: int
    chunks: tuple[Chunk, ...]
    edges: tuple[Edge, ...]
    microbatches: int
    capacity_bytes: tuple[float, ...]
    tails: tuple[float, ...]
    split_backward: bool
    family: str | None = None
    objective: Objective = "makespan"
    links: int = 0
    pins: tuple[OrderPin, ...] = ()

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
class Transfer:
    """A message of an edge on its link: activations (F) or gradients (B) of a micro-batch."""

    edge: int
    microbatch: int
    phase: Phase
    start: float
    end: float


@dataclass(frozen=True, slots=True)
class Schedule:
    """A complete, checked schedule.

    `actions` are sorted by device, then start; `transfers` are the messages on links. `makespan`
    and `span` include the tails. `value` is the objective with what broken soft pins cost
    (`broken`, numbers of pins). `bound` is a valid lower bound on the value of every schedule of
    the problem (of its fixed order, when the problem names a family). `proved`: the two agree up
    to `PROOF_TOLERANCE`.
    """

    actions: tuple[Action, ...]
    makespan: float
    bound: float
    proved: bool
    span: float = math.nan
    value: float = math.nan
    transfers: tuple[Transfer, ...] = ()
    broken: tuple[int, ...] = ()


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


def is_proved(value: float, bound: float) -> bool:
    """Whether `bound` closes `value` up to `PROOF_TOLERANCE`."""
    return value <= bound * (1.0 + PROOF_TOLERANCE)


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
        _need_nonnegative(
            (edge.delay, edge.transfer), f"the delay of edge {edge.source} -> {edge.target}"
        )
        for link in (edge.link, edge.back_link):
            if link is not None and not 0 <= link < problem.links:
                raise ValueError(f"edge {edge.source} -> {edge.target} uses link {link}, not there")
    for pin in problem.pins:
        _validate_pin(pin, problem)
    topological_order(problem)


def _validate_pin(pin: OrderPin, problem: ScheduleProblem) -> None:
    for chunk, phase, microbatch in (pin.before, pin.after):
        is_there = 0 <= chunk < len(problem.chunks) and 0 <= microbatch < problem.microbatches
        if not is_there or phase not in ("F", "B", "W"):
            raise ValueError(f"a pin names {phase}({chunk}, {microbatch}), which is not there")
    (c, phase, m), (d, other, n) = pin.before, pin.after
    if (c, m) == (d, n) and "FBW".index(phase) >= "FBW".index(other):
        raise ValueError(f"a pin puts {phase} before {other} of one micro-batch of a chunk")
    if pin.weight is not None:
        _need_nonnegative((pin.weight,), "the weight of a pin")


def _validate_chunk(chunk: Chunk, devices: int) -> None:
    if not 0 <= chunk.device < devices:
        raise ValueError(f"chunk {chunk.name} is on device {chunk.device} of {devices}")
    if chunk.stream < 0:
        raise ValueError(f"chunk {chunk.name} is on stream {chunk.stream}")
    if chunk.stream and (chunk.activation_bytes or chunk.workspace_bytes):
        raise ValueError(f"chunk {chunk.name} holds memory but is not on stream 0")
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
