"""Simulate a schedule of a pipeline: is it valid, and what does it come to?

For problems with any chunks, streams and links, beyond what plans hold. It shares no code with the
scheduler, whose tests and benchmarks judge schedules by it.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from solver.verify.figures import Phase
from solver.verify.messages import Message, Operator, Rows, crossings, messages, stuck
from solver.verify.pipeline_case import Action, Case, Chunk, Edge, Transfer
from solver.verify.pipeline_rules import (
    completeness,
    durations,
    held_bytes,
    in_order,
    memory,
    overlaps,
    waiting,
)

__all__ = ["Action", "Case", "Chunk", "Edge", "Outcome", "Simulation", "Transfer", "simulate"]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a complete schedule comes to, in seconds and bytes.

    `makespan` ends with the tails, and so does `span`: the longest time from the first start on a
    device to its last end and tail. `busy` is what a device computes (stream 0), without tail.
    `peak_bytes` include workspace. `in_flight` is the largest number of messages that at one time
    are made on one device and not yet needed on another. `hangs_on_one_queue`: with one queue of
    sends and one of receives per device it would never end (see `messages`).
    """

    makespan: float
    span: float
    busy: tuple[float, ...]
    peak_bytes: tuple[float, ...]
    in_flight: int
    hangs_on_one_queue: bool


@dataclass(frozen=True, slots=True)
class Simulation:
    """Every broken rule in words; the outcome is None where operators or messages are missing."""

    violations: tuple[str, ...]
    outcome: Outcome | None


def simulate(
    case: Case, actions: Sequence[Action], transfers: Sequence[Transfer] = ()
) -> Simulation:
    """Judge a schedule by its times; actions and transfers may come in any order."""
    incomplete = tuple(completeness(case, actions, transfers))
    if incomplete:
        return Simulation(incomplete, None)
    rows = _rows(case, actions)
    sent = _messages(case, rows)
    found = (
        *durations(case, actions, transfers),
        *waiting(case, actions, transfers),
        *overlaps(case, actions, transfers),
        *memory(case, actions),
        *_message_order(rows, sent),
    )
    devices = range(len(case.capacities))
    spans = [_start_and_end(case, actions, device) for device in devices]
    outcome = Outcome(
        makespan=max(end for _, end in spans),
        span=max(end - start for start, end in spans),
        busy=tuple(sum(a.end - a.start for a in in_order(case, actions, d)) for d in devices),
        peak_bytes=tuple(
            max((held for _, held in held_bytes(case, actions, d)), default=0.0) for d in devices
        ),
        in_flight=_in_flight(rows, sent, actions),
        hangs_on_one_queue=bool(stuck(rows, sent, one_queue=True)),
    )
    return Simulation(found, outcome)


def _rows(case: Case, actions: Sequence[Action]) -> list[list[Operator]]:
    """The operators of every stream of every device: of device d on row d its compute stream."""
    others = sorted({(c.device, c.stream) for c in case.chunks if c.stream})
    streams = [*((device, 0) for device in range(len(case.capacities))), *others]
    return [
        [(a.chunk, a.microbatch, a.phase) for a in in_order(case, actions, device, stream)]
        for device, stream in streams
    ]


def _messages(case: Case, rows: Rows) -> tuple[Message, ...]:
    edges = [(edge.source, edge.target) for edge in case.edges]
    leaves: Phase = "W" if case.fused else "B"
    devices = [case.chunks[row[0][0]].device if row else -1 for row in rows]
    return messages(rows, edges, [leaves] * len(case.chunks), devices)


def _message_order(rows: Rows, sent: Sequence[Message]) -> Iterator[str]:
    """Messages of one kind do not cross, and the order of operators can be run."""
    crossed = list(crossings(sent))
    for one, other in crossed:
        yield (
            f"{one.phase} of micro-batch {one.microbatch} on edge {one.edge} is sent before that "
            f"of {other.microbatch} and needed after it"
        )
    stops = () if crossed else stuck(rows, sent)
    if stops:
        names = ", ".join(f"{phase} of micro-batch {m} in chunk {c}" for c, m, phase in stops)
        yield f"{names}: wait for each other for ever"


def _start_and_end(case: Case, actions: Sequence[Action], device: int) -> tuple[float, float]:
    """First start on any stream of a device, and last end with its tail; zeros and the tail where
    it runs nothing."""
    here = [action for action in actions if case.chunks[action.chunk].device == device]
    first = min((action.start for action in here), default=0.0)
    return first, max((action.end for action in here), default=0.0) + case.tails[device]


def _in_flight(rows: Rows, sent: Sequence[Message], actions: Sequence[Action]) -> int:
    """The largest number of messages between devices that are made and not yet needed."""
    ran = {(a.chunk, a.microbatch, a.phase): a for a in actions}
    changes: list[tuple[float, int]] = []
    for message in sent:
        if not message.is_local:
            changes.append((ran[rows[message.sender][message.made]].end, 1))
            changes.append((ran[rows[message.receiver][message.needed]].start, -1))
    under_way = itertools.accumulate(change for _, change in sorted(changes))
    return max(under_way, default=0)
