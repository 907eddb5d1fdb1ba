"""The problem as operators: what every algorithm of this room works on.

A *kind* of operator is one phase of one chunk; each kind runs once per micro-batch. Operator `o`
is kind `o // microbatches` on micro-batch `o % microbatches`. A fused backward is one kind (phase
B, the time of B and W together), so that no algorithm needs to know about fusing.

Micro-batches are taken in order within every kind, and this loses nothing. Take any feasible
schedule and, kind by kind, hand its sorted start times to micro-batches 0, 1, 2, ... Durations
within a kind are equal, so the time slots on a device stay the same set: no overlap appears, the
makespan stays. A dependency demands `start[m] >= end'[m] + delay` for every m between two kinds;
sorting both sides keeps such a componentwise inequality. Memory depends only on how many
operators of each kind have started and ended by a time, and those counts stay.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from solver.schedule.problem import Action, Phase, ScheduleProblem, topological_order

Order = tuple[tuple[int, ...], ...]
"""For every device the operators in the order they run."""


@dataclass(frozen=True, slots=True)
class Kind:
    """One phase of one chunk. `allocates` bytes at its start, `releases` bytes at its end.

    `inputs` and `outputs` are (kind, delay) on the same micro-batch.
    """

    chunk: int
    phase: Phase
    device: int
    duration: float
    allocates: float
    releases: float
    workspace: float
    inputs: tuple[tuple[int, float], ...]
    outputs: tuple[tuple[int, float], ...]


@dataclass(frozen=True, slots=True)
class Operators:
    """All kinds with what surrounds them. Times are seconds, or integer ticks after `in_ticks`.

    `on_device` lists the kinds of each device; `topological` lists kinds, inputs first.
    """

    kinds: tuple[Kind, ...]
    on_device: tuple[tuple[int, ...], ...]
    topological: tuple[int, ...]
    microbatches: int
    capacity: tuple[float, ...]
    tails: tuple[float, ...]
    fused: bool

    @property
    def count(self) -> int:
        """How many operators there are."""
        return len(self.kinds) * self.microbatches

    def work(self, device: int) -> float:
        """The time `device` is busy in every schedule."""
        return self.microbatches * sum(self.kinds[k].duration for k in self.on_device[device])


def lower(problem: ScheduleProblem, fused: bool) -> Operators:
    """The operators of `problem`, with B and W as one (`fused`) or apart.

    Forward of chunk c is kind c, its backward kind C + c, its weight gradient kind 2C + c.
    """
    chunks = len(problem.chunks)
    inputs: list[list[tuple[int, float]]] = [[] for _ in range((2 if fused else 3) * chunks)]
    for edge in problem.edges:
        inputs[edge.target].append((edge.source, edge.delay))
        inputs[chunks + edge.source].append((chunks + edge.target, edge.delay))
    for c in range(chunks):
        inputs[chunks + c].append((c, 0.0))
        if not fused:
            inputs[2 * chunks + c].append((chunks + c, 0.0))
    kinds = _kinds(problem, fused, inputs)
    forward = topological_order(problem)
    topological = [*forward, *(chunks + c for c in reversed(forward))]
    if not fused:
        topological += [2 * chunks + c for c in range(chunks)]
    on_device: list[list[int]] = [[] for _ in range(problem.devices)]
    for number, kind in enumerate(kinds):
        on_device[kind.device].append(number)
    return Operators(
        kinds,
        tuple(tuple(numbers) for numbers in on_device),
        tuple(topological),
        problem.microbatches,
        problem.capacity_bytes,
        problem.tails,
        fused,
    )


def _kinds(
    problem: ScheduleProblem, fused: bool, inputs: Sequence[Sequence[tuple[int, float]]]
) -> tuple[Kind, ...]:
    outputs: list[list[tuple[int, float]]] = [[] for _ in inputs]
    for number, sources in enumerate(inputs):
        for source, delay in sources:
            outputs[source].append((number, delay))
    kinds: list[Kind] = []
    phases: tuple[Phase, ...] = ("F", "B") if fused else ("F", "B", "W")
    for phase in phases:
        for c, chunk in enumerate(problem.chunks):
            first, rest = chunk.released_by_input_grad, chunk.activation_bytes
            rest -= first
            backward = chunk.input_grad + (chunk.weight_grad if fused else 0.0)
            duration = {"F": chunk.forward, "B": backward, "W": chunk.weight_grad}[phase]
            allocates = chunk.activation_bytes if phase == "F" else 0.0
            at_end = {"F": 0.0, "B": chunk.activation_bytes if fused else first, "W": rest}[phase]
            here = len(kinds)
            kinds.append(
                Kind(
                    c,
                    phase,
                    chunk.device,
                    duration,
                    allocates,
                    at_end,
                    chunk.workspace_bytes,
                    tuple(inputs[here]),
                    tuple(outputs[here]),
                )
            )
    return tuple(kinds)


def with_times(
    operators: Operators,
    durations: Sequence[float],
    delays: Sequence[Sequence[float]],
    tails: Sequence[float],
) -> Operators:
    """The same operators with other times: `durations` per kind, `delays` per kind and input."""
    inputs = [
        tuple((source, delays[k][i]) for i, (source, _) in enumerate(kind.inputs))
        for k, kind in enumerate(operators.kinds)
    ]
    outputs: list[list[tuple[int, float]]] = [[] for _ in operators.kinds]
    for k, sources in enumerate(inputs):
        for source, delay in sources:
            outputs[source].append((k, delay))
    kinds = tuple(
        replace(kind, duration=durations[k], inputs=inputs[k], outputs=tuple(outputs[k]))
        for k, kind in enumerate(operators.kinds)
    )
    return replace(operators, kinds=kinds, tails=tuple(tails))


def to_actions(
    problem: ScheduleProblem, operators: Operators, order: Order, starts: Sequence[float]
) -> tuple[Action, ...]:
    """The actions of a timed order, by device and start; a fused backward becomes B, then W."""
    actions: list[Action] = []
    count = operators.microbatches
    for sequence in order:
        for op in sequence:
            kind = operators.kinds[op // count]
            start = starts[op]
            end = start + kind.duration
            if not (operators.fused and kind.phase == "B"):
                actions.append(Action(kind.chunk, op % count, kind.phase, start, end))
                continue
            middle = start + problem.chunks[kind.chunk].input_grad
            actions.append(Action(kind.chunk, op % count, "B", start, middle))
            actions.append(Action(kind.chunk, op % count, "W", middle, end))
    return tuple(actions)
