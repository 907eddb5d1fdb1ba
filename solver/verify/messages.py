"""Messages between devices: which orders devices that know only their own can pass them in.

Messages carry no tags (NCCL): the k-th send of one device to another meets its k-th receive. A
device passes its messages beside its operators, in queues: sends in the order of the operators
that make them, receives in the order of the operators that need them; those of one operator go
together. A send blocks the queue behind it until it is received, so a message passes when both
its ends are at the head of their queues.

When is a crossing a problem? Let one device send x before y, and the other need y before x.
- Same edge and phase: always. Where x is due y would be taken for it: alike in size, the training
  is wrong; unlike, it hangs (`crossings`).
- Different edges or phases, as every V-shaped schedule has them: not if x is received early, into
  its own buffer. So a message is received no later than those that its sender sends after it:
  before operator min { need(y) : y = x, or y from the same sender after x }.

With this rule and a pair of queues per ordered pair of devices a wait in a circle cannot come from
messages, only from operators that need each other: a message that waits in front of another was
made before it. `stuck` plays the queues without times, and so finds the orders that operators of
no length hide. With one pair of queues per device (`one_queue`) also good orders can hang: two
devices that send to the same two others in opposite orders. And with sends and receives in one
ungrouped queue already 1F1B hangs, where neighbours send to each other at the same time.
"""

from __future__ import annotations

import itertools
from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from solver.verify.figures import Action, Edge, Phase
from solver.verify.report import Violation

Operator = tuple[int, int, Phase]
"""Chunk, micro-batch, phase."""
Rows = Sequence[Sequence[Operator]]
"""For every device its operators in the order they run."""
Event = Hashable
"""An operator that runs, a message that passes, or a group of messages that has passed."""


@dataclass(frozen=True, slots=True)
class Message:
    """What operator number `made` of row `sender` makes and operator number `needed` of row
    `receiver` needs: activations (phase F) or gradients (B) of an edge between chunks. Nothing is
    sent where it `is_local`, within a device."""

    edge: int
    phase: Phase
    microbatch: int
    sender: int
    made: int
    receiver: int
    needed: int
    is_local: bool


def messages(
    rows: Rows,
    edges: Sequence[tuple[int, int]],
    gradient: Sequence[Phase],
    device_of: Sequence[int] | None = None,
) -> tuple[Message, ...]:
    """What every edge carries, edge by edge; also within a device, where nothing is sent.

    `edges` are (source chunk, target chunk); `gradient` is the phase of each chunk whose end sends
    the gradients of its inputs (B, or W for a fused backward that is written as B and W). A row is
    a device, or one stream of device `device_of[row]`.
    """
    place = {
        operator: (device, at) for device, row in enumerate(rows) for at, operator in enumerate(row)
    }
    devices = range(len(rows)) if device_of is None else device_of
    counts = sorted({microbatch for _, microbatch, _ in place})
    found: list[Message] = []
    for number, (source, target) in enumerate(edges):
        ways: tuple[tuple[Phase, Operator, Operator], ...] = (
            ("F", (source, 0, "F"), (target, 0, "F")),
            ("B", (target, 0, gradient[target]), (source, 0, "B")),
        )
        for phase, (maker, _, made_in), (reader, _, needed_in) in ways:
            for microbatch in counts:
                sender, made = place[maker, microbatch, made_in]
                receiver, needed = place[reader, microbatch, needed_in]
                is_local = devices[sender] == devices[receiver]
                found.append(
                    Message(number, phase, microbatch, sender, made, receiver, needed, is_local)
                )
    return tuple(found)


def crossings(sent: Sequence[Message]) -> Iterator[tuple[Message, Message]]:
    """For every edge and phase the first two messages that are sent in one order and needed in the
    other."""
    kinds: dict[tuple[int, Phase], list[Message]] = {}
    for message in sent:
        if not message.is_local:
            kinds.setdefault((message.edge, message.phase), []).append(message)
    for alike in kinds.values():
        for one, other in itertools.pairwise(sorted(alike, key=lambda x: x.made)):
            if other.needed < one.needed:
                yield one, other
                break


def stuck(rows: Rows, sent: Sequence[Message], *, one_queue: bool = False) -> tuple[Operator, ...]:
    """The operators that never run, the first one of every device that stops; empty where all run.

    Rows must be complete and `sent` their messages. With `one_queue` a row has one queue of sends
    and one of receives, else one of each for every other row.
    """
    ran = _ran(_precedences(rows, sent, one_queue))
    stops = (
        next((operator for at, operator in enumerate(row) if (device, at) not in ran), None)
        for device, row in enumerate(rows)
    )
    return tuple(operator for operator in stops if operator is not None)


def _ran(precedences: Iterator[tuple[Event, Event]]) -> set[Event]:
    """The events that happen in the end, each after all that must come before it (Kahn 1962)."""
    after: dict[Event, list[Event]] = {}
    waits: dict[Event, int] = {}
    for one, other in precedences:
        after.setdefault(one, []).append(other)
        waits.setdefault(one, 0)
        waits[other] = waits.get(other, 0) + 1
    ready = [event for event, count in waits.items() if count == 0]
    done: set[Event] = set()
    while ready:
        event = ready.pop()
        done.add(event)
        for other in after.get(event, ()):
            waits[other] -= 1
            if waits[other] == 0:
                ready.append(other)
    return done


def _precedences(
    rows: Rows, sent: Sequence[Message], one_queue: bool
) -> Iterator[tuple[Event, Event]]:
    """Pairs of events of which the first must come before the second: operators are (device,
    number), messages stand for themselves, and `_queue` adds ends of groups."""
    place: dict[Operator, Event] = {}
    for device, row in enumerate(rows):
        yield from itertools.pairwise((device, at) for at in range(-1, len(row)))
        place |= {operator: (device, at) for at, operator in enumerate(row)}
    for chunk, microbatch, phase in place:
        if phase != "F":
            earlier: Phase = "F" if phase == "B" else "B"
            yield place[chunk, microbatch, earlier], place[chunk, microbatch, phase]
    queues: dict[tuple[str, int, int], dict[Message, int]] = {}
    for message, receive_at in _receive_positions(sent).items():
        yield (message.sender, message.made), message
        yield message, (message.receiver, message.needed)
        if message.is_local:
            continue
        to, back = (-1, -1) if one_queue else (message.receiver, message.sender)
        queues.setdefault(("send", message.sender, to), {})[message] = message.made
        queues.setdefault(("receive", message.receiver, back), {})[message] = receive_at
    for queue, positions in queues.items():
        yield from _queue(queue, positions)


def _queue(
    queue: tuple[str, int, int], positions: Mapping[Message, int]
) -> Iterator[tuple[Event, Event]]:
    """The messages of a queue pass group by group, those of one position together."""
    in_order = sorted(positions, key=lambda x: positions[x])
    groups = itertools.groupby(in_order, key=lambda x: positions[x])
    for number, (_, group) in enumerate(groups):
        for message in group:
            if number:
                yield (queue, number - 1), message
            yield message, (queue, number)


def _receive_positions(sent: Sequence[Message]) -> dict[Message, int]:
    """The operator before which each message is received (see the module's text)."""
    channels: dict[tuple[int, int], list[Message]] = {}
    for message in sent:
        channels.setdefault((message.sender, message.receiver), []).append(message)
    positions: dict[Message, int] = {}
    for channel in channels.values():
        later: int | None = None
        last_first = sorted(channel, key=lambda x: x.made, reverse=True)
        for _, together in itertools.groupby(last_first, key=lambda x: x.made):
            group = list(together)
            for message in group:
                needed = message.needed
                positions[message] = needed if later is None else min(needed, later)
            later = min(positions[message] for message in group)
    return positions


def message_violations(
    rows: Sequence[Sequence[Action]], edges: Sequence[Edge]
) -> Iterator[Violation]:
    """Messages between two stages that would arrive in another order than they are sent in."""
    for one, other in crossings(_stage_messages(_orders(rows), edges)):
        yield Violation(
            "schedule-messages",
            f"stage {one.sender} sends {one.phase} of micro-batch {one.microbatch} before that of "
            f"{other.microbatch}, and stage {one.receiver} needs them the other way round",
            "pipeline.schedule",
        )


def deadlock_violations(
    rows: Sequence[Sequence[Action]], edges: Sequence[Edge]
) -> Iterator[Violation]:
    """Stages that wait for each other in a circle, which operators of no length can hide."""
    orders = _orders(rows)
    stops = stuck(orders, _stage_messages(orders, edges))
    if stops:
        waiting = ", ".join(f"{phase} of micro-batch {m} on stage {s}" for s, m, phase in stops)
        message = f"{waiting}: wait for each other for ever"
        yield Violation("schedule-deadlock", message, "pipeline.schedule")


def _orders(rows: Sequence[Sequence[Action]]) -> list[list[Operator]]:
    """The chunks are virtual stages."""
    return [[(action.stage, action.microbatch, action.phase) for action in row] for row in rows]


def _stage_messages(orders: Rows, edges: Sequence[Edge]) -> tuple[Message, ...]:
    pairs = [(edge.source, edge.target) for edge in edges]
    chunks = 1 + max(chunk for order in orders for chunk, _, _ in order)
    return messages(orders, pairs, ["B"] * chunks)
