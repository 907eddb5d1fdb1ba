"""What the placement of chunks is asked and what it answers.

Times are seconds, memory is bytes. A *map* names the device of every chunk.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from solver.schedule.problem import (
    Chunk,
    Edge,
    Objective,
    OrderPin,
    Schedule,
    ScheduleProblem,
    Status,
)

Map = tuple[int, ...]
"""The device of every chunk."""


@dataclass(frozen=True, slots=True)
class FreeChunk:
    """A chunk that runs on one of `devices` (None: on any; a single one: its place is fixed).

    Times, activations and workspace are those of `solver.schedule.problem.Chunk`. `static_bytes`
    (parameters, gradients, optimizer state) are held all the time on the device where it runs.
    """

    name: str
    forward: float
    input_grad: float
    weight_grad: float
    activation_bytes: float
    released_by_input_grad: float
    workspace_bytes: float = 0.0
    static_bytes: float = 0.0
    devices: tuple[int, ...] | None = None
    stream: int = 0


@dataclass(frozen=True, slots=True)
class FreeEdge:
    """A data dependency between chunks. `delay` seconds pass, with those that the pair of devices
    adds, where the two are on different devices; none where they share one."""

    source: int
    target: int
    delay: float


@dataclass(frozen=True, slots=True)
class PlacePin:
    """`chunk` runs on `device`, or `weight` seconds are added to the objective."""

    chunk: int
    device: int
    weight: float


@dataclass(frozen=True, slots=True)
class PlacementProblem:
    """Chunks to be placed on devices, and their operators to be ordered there.

    `capacity_bytes` is what each device has for the static bytes of its chunks, activations and
    workspace. Chunks of one group of `together` share a device (operators of one layer on several
    streams, tied parameters). `pair_delays[d][e]`, where given, is added to the delay of every edge
    between devices d and e. Everything else as in `ScheduleProblem`.

    Raises ValueError when the parts do not fit together (see `_validate`).
    """

    devices: int
    chunks: tuple[FreeChunk, ...]
    edges: tuple[FreeEdge, ...]
    microbatches: int
    capacity_bytes: tuple[float, ...]
    tails: tuple[float, ...]
    split_backward: bool
    objective: Objective = "makespan"
    place_pins: tuple[PlacePin, ...] = ()
    pins: tuple[OrderPin, ...] = ()
    pair_delays: tuple[tuple[float, ...], ...] = ()
    together: tuple[tuple[int, ...], ...] = ()

    def __post_init__(self) -> None:
        _validate(self)

    def allowed(self, chunk: int) -> tuple[int, ...]:
        """The devices on which `chunk` may run, ascending."""
        devices = self.chunks[chunk].devices
        return tuple(range(self.devices)) if devices is None else tuple(sorted(set(devices)))


@dataclass(frozen=True, slots=True)
class Placement:
    """A map with a checked schedule on it.

    `price` is what the place pins cost that it breaks (`broken`, their numbers); `value` is the
    objective of the schedule with it. The bound of the `schedule` is about this map only.
    """

    devices: Map
    schedule: Schedule
    value: float
    price: float
    broken: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class PlacementResult:
    """What `solve_placed` found. `best` is None exactly when `status` is "infeasible" or "unknown".

    `bound` is a valid lower bound, seconds, on the value of every map and order (infinite where
    none exists); "optimal" when it closes the value up to `PROOF_TOLERANCE`.
    """

    status: Status
    best: Placement | None
    bound: float


def units(problem: PlacementProblem) -> tuple[tuple[int, ...], ...]:
    """The groups of chunks that share a device, each chunk in one, ascending by first chunk."""
    group = list(range(len(problem.chunks)))
    for members in problem.together:
        merged = {group[chunk] for chunk in members}
        group = [min(merged) if one in merged else one for one in group]
    return tuple(tuple(c for c, g in enumerate(group) if g == one) for one in sorted(set(group)))


def allowed(problem: PlacementProblem, unit: Sequence[int]) -> tuple[int, ...]:
    """The devices on which all chunks of `unit` may run, ascending."""
    common = set(problem.allowed(unit[0])).intersection(*(problem.allowed(c) for c in unit))
    return tuple(sorted(common))


def _validate(problem: PlacementProblem) -> None:
    """Whatever a schedule problem demands; devices, pins and pair delays that exist."""
    for reason in _reasons(problem):
        raise ValueError(reason)
    ScheduleProblem(
        problem.devices,
        tuple(on_device(chunk, problem.allowed(c)[0]) for c, chunk in enumerate(problem.chunks)),
        tuple(Edge(edge.source, edge.target, edge.delay) for edge in problem.edges),
        problem.microbatches,
        problem.capacity_bytes,
        problem.tails,
        problem.split_backward,
        objective=problem.objective,
        pins=problem.pins,
    )
    for unit in units(problem):
        if not allowed(problem, unit):
            names = ", ".join(problem.chunks[c].name for c in unit)
            raise ValueError(f"no device may hold all of {names}, which are to be together")


def _reasons(problem: PlacementProblem) -> Iterator[str]:
    count, devices = len(problem.chunks), range(problem.devices)
    for chunk in problem.chunks:
        if chunk.devices is not None and not chunk.devices:
            yield f"chunk {chunk.name} may run nowhere"
        if any(device not in devices for device in chunk.devices or ()):
            yield f"chunk {chunk.name} may run on a device that is not there"
        if not _is_amount(chunk.static_bytes):
            yield f"the static bytes of chunk {chunk.name} must be finite and not negative"
    for pin in problem.place_pins:
        if not 0 <= pin.chunk < count or pin.device not in devices:
            yield f"a pin puts chunk {pin.chunk} on device {pin.device}, which is not there"
        if not _is_amount(pin.weight):
            yield "the weight of a place pin must be finite and not negative"
    if any(not group or not all(0 <= c < count for c in group) for group in problem.together):
        yield "a group of chunks that are together is empty or names one that is not there"
    rows = problem.pair_delays
    if rows:
        if len(rows) != problem.devices or any(len(row) != problem.devices for row in rows):
            yield "pair_delays needs a row and a column per device"
        elif not all(_is_amount(delay) for row in rows for delay in row):
            yield "pair_delays must be finite and not negative"
        elif any(rows[d][e] != rows[e][d] for d in devices for e in devices):
            yield "pair_delays must be the same in both directions"


def _is_amount(value: float) -> bool:
    return math.isfinite(value) and value >= 0


def on_device(chunk: FreeChunk, device: int) -> Chunk:
    """`chunk` as the scheduler knows it."""
    return Chunk(
        chunk.name,
        device,
        chunk.forward,
        chunk.input_grad,
        chunk.weight_grad,
        chunk.activation_bytes,
        chunk.released_by_input_grad,
        chunk.workspace_bytes,
        chunk.stream,
    )
