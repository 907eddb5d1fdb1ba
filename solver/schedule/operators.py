"""The problem as operators: what every algorithm of this room works on.

A *kind* of operator is one phase of one chunk; each kind runs once per micro-batch. Operator `o`
is kind `o // microbatches` on micro-batch `o % microbatches`. A fused backward is one kind (phase
B, the time of B and W together), so that no algorithm needs to know about fusing. A message on a
link is a kind as well (phase F: activations, B: gradients).

Kinds run on *machines*, one operator at a time on each: machine d is the compute stream of device
d, then come the devices' other streams, then the links. Only the first hold memory.

Micro-batches are taken in order within every kind, and this loses nothing. Take any feasible
schedule and, kind by kind, hand its sorted start times to micro-batches 0, 1, 2, ... Durations
within a kind are equal, so the time slots on a device stay the same set: no overlap appears, the
makespan stays. A dependency demands `start[m] >= end'[m] + delay` for every m between two kinds;
sorting both sides keeps such a componentwise inequality. Memory depends only on how many
operators of each kind have started and ended by a time, and those counts stay. Pins that name
micro-batches are about this numbering: the m-th operator of a kind.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from solver.schedule.problem import Action, Edge, Phase, Place, ScheduleProblem, Transfer

Order = tuple[tuple[int, ...], ...]
"""For every machine the operators in the order they run."""
Arc = tuple[int, float]
"""A kind and the seconds between the end of one operator and the start of the other."""


@dataclass(frozen=True, slots=True)
class Kind:
    """One phase of one chunk, or the messages of an edge in one direction.

    `allocates` bytes at its start, `releases` bytes at its end. `inputs` and `outputs` are on the
    same micro-batch. Of a message `chunk` is -1 and `edge` its edge.
    """

    chunk: int
    phase: Phase
    machine: int
    duration: float
    allocates: float
    releases: float
    workspace: float
    inputs: tuple[Arc, ...]
    outputs: tuple[Arc, ...]
    edge: int = -1


@dataclass(frozen=True, slots=True)
class Wish:
    """A soft pin: `weight` is paid unless operator `before` ends before `after` starts."""

    before: int
    after: int
    weight: float
    pin: int


@dataclass(frozen=True, slots=True)
class Operators:
    """All kinds with what surrounds them. Times are seconds, or integer ticks after `in_ticks`.

    `on_machine` lists the kinds of each machine; `topological` lists kinds, inputs first. `ready`
    and `tails` are per machine: when it can start, and the time it needs after its last operator.
    `capacity` is per device, and device d computes on machine d; `device_of` is the device of each
    machine, -1 for links. `musts` are pairs of operators (before, after), `wishes` soft pins.
    """

    kinds: tuple[Kind, ...]
    on_machine: tuple[tuple[int, ...], ...]
    topological: tuple[int, ...]
    microbatches: int
    capacity: tuple[float, ...]
    ready: tuple[float, ...]
    tails: tuple[float, ...]
    device_of: tuple[int, ...]
    fused: bool
    span: bool
    musts: tuple[tuple[int, int], ...] = ()
    wishes: tuple[Wish, ...] = ()

    @property
    def count(self) -> int:
        """How many operators there are."""
        return len(self.kinds) * self.microbatches

    @property
    def chunks(self) -> int:
        """How many chunks there are: the forward of chunk c is kind c."""
        return sum(kind.phase == "F" and kind.chunk >= 0 for kind in self.kinds)

    def work(self, machine: int) -> float:
        """The time `machine` is busy in every schedule."""
        return self.microbatches * sum(self.kinds[k].duration for k in self.on_machine[machine])


def lower(problem: ScheduleProblem, fused: bool) -> Operators:
    """The operators of `problem`, with B and W as one (`fused`) or apart.

    Forward of chunk c is kind c, its backward kind C + c, its weight gradient kind 2C + c; messages
    come after them.
    """
    chunks = len(problem.chunks)
    machines = _machines(problem)
    inputs: list[list[Arc]] = [[] for _ in range((2 if fused else 3) * chunks)]
    messages: list[Kind] = []
    for number, edge in enumerate(problem.edges):
        ways: tuple[tuple[Phase, int, int, int | None], ...] = (
            ("F", edge.source, edge.target, edge.link),
            ("B", chunks + edge.target, chunks + edge.source, edge.back_link),
        )
        for phase, source, target, link in ways:
            if link is None:
                inputs[target].append((source, edge.delay))
                continue
            inputs[target].append((len(inputs), edge.delay))
            inputs.append([(source, 0.0)])
            on_link = len(machines) + link
            messages.append(_message(number, edge, phase, on_link))
    for c in range(chunks):
        inputs[chunks + c].append((c, 0.0))
        if not fused:
            inputs[2 * chunks + c].append((chunks + c, 0.0))
    kinds = _joined([*_kinds(problem, fused, machines), *messages], inputs)
    device_of = (*(device for device, _ in machines), *(-1 for _ in range(problem.links)))
    on_machine: list[list[int]] = [[] for _ in device_of]
    for number, kind in enumerate(kinds):
        on_machine[kind.machine].append(number)
    operators = Operators(
        kinds,
        tuple(tuple(numbers) for numbers in on_machine),
        _topological(kinds),
        problem.microbatches,
        problem.capacity_bytes,
        tuple(0.0 for _ in device_of),
        tuple(problem.tails[d] if d >= 0 else 0.0 for d in device_of),
        device_of,
        fused,
        problem.objective == "span",
    )
    return _with_pins(operators, problem)


def _machines(problem: ScheduleProblem) -> list[tuple[int, int]]:
    """(device, stream) of every machine: all compute streams, then the other streams in use."""
    others = {(c.device, c.stream) for c in problem.chunks if c.stream}
    return [*((d, 0) for d in range(problem.devices)), *sorted(others)]


def _message(number: int, edge: Edge, phase: Phase, machine: int) -> Kind:
    return Kind(-1, phase, machine, edge.transfer, 0.0, 0.0, 0.0, (), (), number)


def _kinds(
    problem: ScheduleProblem, fused: bool, machines: Sequence[tuple[int, int]]
) -> Iterator[Kind]:
    """The kinds of all chunks, not yet joined."""
    number = {machine: m for m, machine in enumerate(machines)}
    phases: tuple[Phase, ...] = ("F", "B") if fused else ("F", "B", "W")
    for phase in phases:
        for c, chunk in enumerate(problem.chunks):
            first, rest = chunk.released_by_input_grad, chunk.activation_bytes
            rest -= first
            backward = chunk.input_grad + (chunk.weight_grad if fused else 0.0)
            yield Kind(
                c,
                phase,
                number[chunk.device, chunk.stream],
                {"F": chunk.forward, "B": backward, "W": chunk.weight_grad}[phase],
                chunk.activation_bytes if phase == "F" else 0.0,
                {"F": 0.0, "B": chunk.activation_bytes if fused else first, "W": rest}[phase],
                chunk.workspace_bytes,
                (),
                (),
            )


def _joined(kinds: Sequence[Kind], inputs: Sequence[Sequence[Arc]]) -> tuple[Kind, ...]:
    """The kinds with these inputs, and the outputs that follow from them."""
    outputs: list[list[Arc]] = [[] for _ in kinds]
    for number, sources in enumerate(inputs):
        for source, delay in sources:
            outputs[source].append((number, delay))
    return tuple(
        replace(kind, inputs=tuple(sources), outputs=tuple(targets))
        for kind, sources, targets in zip(kinds, inputs, outputs, strict=True)
    )


def _topological(kinds: Sequence[Kind]) -> tuple[int, ...]:
    """All kinds, inputs first; forwards, then backwards, then weight gradients where that is free,
    and the lowest number first among equals."""
    waiting = [len(kind.inputs) for kind in kinds]
    keys = ["FBW".index(kind.phase) for kind in kinds]
    ready = [(keys[k], k) for k, count in enumerate(waiting) if count == 0]
    order: list[int] = []
    while ready:
        _, k = heapq.heappop(ready)
        order.append(k)
        for target, _ in kinds[k].outputs:
            waiting[target] -= 1
            if waiting[target] == 0:
                heapq.heappush(ready, (keys[target], target))
    return tuple(order)


def _with_pins(operators: Operators, problem: ScheduleProblem) -> Operators:
    musts: list[tuple[int, int]] = []
    wishes: list[Wish] = []
    for number, pin in enumerate(problem.pins):
        before, after = (operator_at(operators, place) for place in (pin.before, pin.after))
        if before == after:
            continue  # B before W of a fused backward
        if pin.weight is None:
            musts.append((before, after))
        else:
            wishes.append(Wish(before, after, pin.weight, number))
    return replace(operators, musts=tuple(musts), wishes=tuple(wishes))


def operator_at(operators: Operators, place: Place) -> int:
    """The number of an operator. Raises ValueError when it is not there."""
    chunk, phase, microbatch = place
    if not (0 <= chunk < operators.chunks and 0 <= microbatch < operators.microbatches):
        raise ValueError(f"there is no {phase}({chunk}, {microbatch})")
    part = {"F": 0, "B": 1, "W": 1 if operators.fused else 2}[phase]
    return (part * operators.chunks + chunk) * operators.microbatches + microbatch


def with_times(
    operators: Operators,
    durations: Sequence[float],
    delays: Sequence[Sequence[float]],
    tails: Sequence[float],
    weights: Sequence[float],
) -> Operators:
    """The same operators with other times: `durations` per kind, `delays` per kind and input,
    `weights` per wish. Machines are ready at once."""
    inputs = [
        [(source, delays[k][i]) for i, (source, _) in enumerate(kind.inputs)]
        for k, kind in enumerate(operators.kinds)
    ]
    kinds = [replace(k, duration=time) for k, time in zip(operators.kinds, durations, strict=True)]
    wishes = [replace(w, weight=x) for w, x in zip(operators.wishes, weights, strict=True)]
    return replace(
        operators,
        kinds=_joined(kinds, inputs),
        ready=tuple(0.0 for _ in tails),
        tails=tuple(tails),
        wishes=tuple(wishes),
    )


def to_actions(
    problem: ScheduleProblem, operators: Operators, order: Order, starts: Sequence[float]
) -> tuple[tuple[Action, ...], tuple[Transfer, ...]]:
    """The actions of a timed order, by machine and start, and the messages on links; a fused
    backward becomes B, then W."""
    actions: list[Action] = []
    transfers: list[Transfer] = []
    count = operators.microbatches
    for sequence in order:
        for op in sequence:
            kind, m = operators.kinds[op // count], op % count
            start = starts[op]
            end = start + kind.duration
            if kind.chunk < 0:
                transfers.append(Transfer(kind.edge, m, kind.phase, start, end))
                continue
            if not (operators.fused and kind.phase == "B"):
                actions.append(Action(kind.chunk, m, kind.phase, start, end))
                continue
            middle = start + problem.chunks[kind.chunk].input_grad
            actions.append(Action(kind.chunk, m, "B", start, middle))
            actions.append(Action(kind.chunk, m, "W", middle, end))
    return tuple(actions), tuple(transfers)
