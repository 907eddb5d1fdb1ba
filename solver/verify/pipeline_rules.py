"""The rules of a schedule of a `Case`, each a function that says in words what breaks it.

Times may be off by a billionth of the last end, the rounding of sums, and bytes by a billionth of
the capacity.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence

from solver.verify.figures import Phase
from solver.verify.pipeline_case import Action, Case, Transfer

TOLERANCE = 1e-9
Key = tuple[int, int, Phase]
"""Chunk or edge, micro-batch, phase."""


def slack(actions: Sequence[Action]) -> float:
    """Seconds by which times of this schedule may be off."""
    return TOLERANCE * max((action.end for action in actions), default=0.0)


def say(of: Action | Transfer) -> str:
    """`F of micro-batch 2 in chunk 0`, or `on edge 0` for a message."""
    where = f"in chunk {of.chunk}" if isinstance(of, Action) else f"on edge {of.edge}"
    return f"{of.phase} of micro-batch {of.microbatch} {where}"


def completeness(
    case: Case, actions: Sequence[Action], transfers: Sequence[Transfer]
) -> Iterator[str]:
    """Everything happens exactly once, at times that are numbers, and nothing else does."""
    phases: tuple[Phase, ...] = ("F", "B", "W")
    microbatches = range(case.microbatches)
    operators = itertools.product(range(len(case.chunks)), microbatches, phases)
    found = [(a.chunk, a.microbatch, a.phase) for a in actions]
    yield from _once(found, set(operators), "operator", "chunk")
    carried = [
        (number, phase)
        for number, edge in enumerate(case.edges)
        for phase, link in (("F", edge.link), ("B", edge.back_link))
        if link is not None
    ]
    on_links = {(number, m, phase) for number, phase in carried for m in microbatches}
    sent = [(t.edge, t.microbatch, t.phase) for t in transfers]
    yield from _once(sent, on_links, "message", "edge")
    placed: list[Action | Transfer] = [*actions, *transfers]
    for each in placed:
        if not (math.isfinite(each.start) and math.isfinite(each.end)):
            yield f"{say(each)} has no finite times"


def _once(
    found: Sequence[tuple[int, int, str]], wanted: set[tuple[int, int, str]], what: str, of: str
) -> Iterator[str]:
    counts: dict[tuple[int, int, str], int] = dict.fromkeys(sorted(wanted), 0)
    for key in found:
        counts[key] = counts.get(key, 0) + 1
    for key, count in counts.items():
        number, microbatch, phase = key
        name = f"{what} {phase} of micro-batch {microbatch}, {of} {number},"
        if key not in wanted:
            yield f"there is no {name} in this problem"
        elif count != 1:
            yield f"{name} happens {count} times instead of once"


def durations(
    case: Case, actions: Sequence[Action], transfers: Sequence[Transfer]
) -> Iterator[str]:
    """Operators and messages take their time and start no earlier than 0."""
    within = slack(actions)
    placed: list[Action | Transfer] = [*actions, *transfers]
    for each in placed:
        needed = _seconds(case, each)
        if abs(each.end - each.start - needed) > within:
            yield f"{say(each)} takes {needed!r} s, not {each.end - each.start!r}"
        if each.start < -within:
            yield f"{say(each)} starts before 0"


def _seconds(case: Case, of: Action | Transfer) -> float:
    if isinstance(of, Transfer):
        edge = case.edges[of.edge]
        return edge.forward_transfer if of.phase == "F" else edge.backward_transfer
    chunk = case.chunks[of.chunk]
    return {"F": chunk.forward, "B": chunk.input_grad, "W": chunk.weight_grad}[of.phase]


def waiting(case: Case, actions: Sequence[Action], transfers: Sequence[Transfer]) -> Iterator[str]:
    """Nothing starts before all that it needs has ended and arrived; a fused W waits for nothing
    but its B."""
    within = slack(actions)
    ran = {(a.chunk, a.microbatch, a.phase): a for a in actions}
    sent = {(t.edge, t.microbatch, t.phase): t for t in transfers}
    for one, other, delay in _needs(case, ran, sent):
        if other.start < one.end + delay - within:
            yield f"{say(other)} starts before {say(one)} has ended and arrived"
    if case.fused:
        for (chunk, microbatch, phase), action in ran.items():
            if phase == "W" and action.start > ran[chunk, microbatch, "B"].end + within:
                yield f"{say(action)} does not follow its B at once"


def _needs(
    case: Case, ran: Mapping[Key, Action], sent: Mapping[Key, Transfer]
) -> Iterator[tuple[Action | Transfer, Action | Transfer, float]]:
    """Pairs (earlier, later, seconds between the end of one and the start of the other)."""
    leaves: Phase = "W" if case.fused else "B"
    for m in range(case.microbatches):
        for chunk in range(len(case.chunks)):
            yield ran[chunk, m, "F"], ran[chunk, m, "B"], 0.0
            yield ran[chunk, m, "B"], ran[chunk, m, "W"], 0.0
        for number, edge in enumerate(case.edges):
            down: tuple[Action, Action] = ran[edge.source, m, "F"], ran[edge.target, m, "F"]
            up: tuple[Action, Action] = ran[edge.target, m, leaves], ran[edge.source, m, "B"]
            message: Transfer | None
            for (maker, reader), message in (
                (down, sent.get((number, m, "F"))),
                (up, sent.get((number, m, "B"))),
            ):
                if message is None:
                    yield maker, reader, edge.delay
                else:
                    yield maker, message, 0.0
                    yield message, reader, edge.delay


def overlaps(case: Case, actions: Sequence[Action], transfers: Sequence[Transfer]) -> Iterator[str]:
    """A stream of a device runs one operator at a time, a link carries one message at a time."""
    within = slack(actions)
    lanes: dict[tuple[str, int, int | None], list[Action | Transfer]] = {}
    for action in actions:
        chunk = case.chunks[action.chunk]
        lanes.setdefault(("stream", chunk.stream, chunk.device), []).append(action)
    for message in transfers:
        edge = case.edges[message.edge]
        link = edge.link if message.phase == "F" else edge.back_link
        lanes.setdefault(("link", 0, link), []).append(message)
    for lane in lanes.values():
        in_turn = sorted(lane, key=lambda x: (x.start, x.end))
        for one, other in itertools.pairwise(in_turn):
            if other.start < one.end - within:
                yield f"{say(other)} starts while {say(one)} goes on"


def memory(case: Case, actions: Sequence[Action]) -> Iterator[str]:
    """At every operator what its device holds fits; other streams than 0 hold nothing."""
    for number, chunk in enumerate(case.chunks):
        if chunk.stream and (chunk.activation_bytes or chunk.workspace_bytes):
            yield f"chunk {number} holds memory on stream {chunk.stream}"
    for device, capacity in enumerate(case.capacities):
        for action, held in held_bytes(case, actions, device):
            if held > capacity + TOLERANCE * abs(capacity):
                yield f"device {device} holds {held!r} bytes of {capacity!r} in {say(action)}"


def held_bytes(
    case: Case, actions: Sequence[Action], device: int
) -> Iterator[tuple[Action, float]]:
    """What `device` holds while each of its operators runs, workspace included, in order."""
    held = 0.0
    for action in in_order(case, actions, device):
        chunk = case.chunks[action.chunk]
        early = chunk.released_by_input_grad
        if action.phase == "F":
            held += chunk.activation_bytes
        yield action, held + chunk.workspace_bytes
        held -= {"F": 0.0, "B": early, "W": chunk.activation_bytes - early}[action.phase]


def in_order(case: Case, actions: Sequence[Action], device: int, stream: int = 0) -> list[Action]:
    """The operators of a stream as they run (those of a moment: as listed)."""
    here = [
        action
        for action in actions
        if (case.chunks[action.chunk].device, case.chunks[action.chunk].stream) == (device, stream)
    ]
    return sorted(here, key=lambda action: (action.start, action.end))
