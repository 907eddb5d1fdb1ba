"""The validity of a finished schedule, judged from the problem and the actions alone.

Shares no code with the algorithms: times, dependencies and bytes are compared action by action.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from solver.schedule.problem import Action, Edge, Phase, ScheduleProblem, Transfer

TOLERANCE = 1e-9
"""Relative slack of times and bytes for sums of floats."""

_Placed = dict[tuple[int, int, Phase], Action]
_Sent = dict[tuple[int, int, Phase], Transfer]


def violations(
    problem: ScheduleProblem,
    actions: Sequence[Action],
    transfers: Sequence[Transfer],
    fused: bool,
) -> list[str]:
    """Everything that is wrong with `actions` and `transfers`, in words; empty for a valid
    schedule. Soft pins may be broken.

    `fused`: W must follow B at once and the gradient leaves only after W.
    """
    placed = {(a.chunk, a.microbatch, a.phase): a for a in actions}
    expected = 3 * len(problem.chunks) * problem.microbatches
    if len(placed) != expected or len(actions) != expected:
        return [f"{len(actions)} actions, {len(placed)} distinct, where {expected} are needed"]
    sent = {(t.edge, t.microbatch, t.phase): t for t in transfers}
    needed = sum((e.link is not None) + (e.back_link is not None) for e in problem.edges)
    needed *= problem.microbatches
    if len(sent) != needed or len(transfers) != needed:
        return [f"{len(transfers)} messages, {len(sent)} distinct, where {needed} are needed"]
    slack = TOLERANCE * max(action.end for action in actions)
    return [
        *_durations(problem, actions, slack),
        *_messages(problem, transfers, slack),
        *_dependencies(problem, placed, sent, slack, fused),
        *_pins(problem, placed, slack),
        *_overlaps(problem, actions, slack),
        *_memory(problem, actions),
    ]


def _durations(problem: ScheduleProblem, actions: Sequence[Action], slack: float) -> list[str]:
    wrong: list[str] = []
    for action in actions:
        chunk = problem.chunks[action.chunk]
        needed = {"F": chunk.forward, "B": chunk.input_grad, "W": chunk.weight_grad}[action.phase]
        if action.start < 0 or abs(action.end - action.start - needed) > slack:
            wrong.append(f"{_name(action)} has the wrong duration or starts before 0")
    return wrong


def _messages(problem: ScheduleProblem, transfers: Sequence[Transfer], slack: float) -> list[str]:
    """Wrong durations, and messages that share a link at one time."""
    wrong: list[str] = []
    links: dict[int, list[Transfer]] = {}
    for transfer in transfers:
        edge = problem.edges[transfer.edge]
        link = edge.link if transfer.phase == "F" else edge.back_link
        if link is None or abs(transfer.end - transfer.start - edge.transfer) > slack:
            wrong.append(f"{_message_name(transfer)} has no link or the wrong duration")
        else:
            links.setdefault(link, []).append(transfer)
    for row in links.values():
        row.sort(key=lambda one: (one.start, one.end))
        wrong += [
            f"{_message_name(late)} is sent while {_message_name(early)} is under way"
            for early, late in pairwise(row)
            if late.start < early.end - slack
        ]
    return wrong


def _arrival(
    edge: Edge, number: int, early: Action, phase: Phase, sent: _Sent
) -> tuple[list[tuple[Action | Transfer, Action | Transfer, float]], Action | Transfer]:
    """What the message of `early` waits for, and after what its receiver may go on."""
    link = edge.link if phase == "F" else edge.back_link
    if link is None:
        return [], early
    message = sent[number, early.microbatch, phase]
    return [(early, message, 0.0)], message


def _dependencies(
    problem: ScheduleProblem, placed: _Placed, sent: _Sent, slack: float, fused: bool
) -> list[str]:
    needed: list[tuple[Action | Transfer, Action | Transfer, float]] = []
    gradient: Phase = "W" if fused else "B"
    for m in range(problem.microbatches):
        for c in range(len(problem.chunks)):
            needed.append((placed[c, m, "F"], placed[c, m, "B"], 0.0))
            needed.append((placed[c, m, "B"], placed[c, m, "W"], 0.0))
        for number, edge in enumerate(problem.edges):
            source, target = edge.source, edge.target
            waits, last = _arrival(edge, number, placed[source, m, "F"], "F", sent)
            needed += [*waits, (last, placed[target, m, "F"], edge.delay)]
            waits, last = _arrival(edge, number, placed[target, m, gradient], "B", sent)
            needed += [*waits, (last, placed[source, m, "B"], edge.delay)]
    wrong = [
        f"{_name(late)} starts before {_name(early)} has ended and arrived"
        for early, late, delay in needed
        if late.start < early.end + delay - slack
    ]
    if fused:
        wrong += [
            f"{_name(action)} is apart from its B"
            for (c, m, phase), action in placed.items()
            if phase == "W" and abs(action.start - placed[c, m, "B"].end) > slack
        ]
    return wrong


def _pins(problem: ScheduleProblem, placed: _Placed, slack: float) -> list[str]:
    """Hard pins that are broken. Micro-batches are numbered as they run."""
    wrong: list[str] = []
    for pin in problem.pins:
        (c, phase, m), (d, other, n) = pin.before, pin.after
        early, late = placed[c, m, phase], placed[d, n, other]
        if pin.weight is None and late.start < early.end - slack:
            wrong.append(f"{_name(late)} starts before {_name(early)} has ended, against a pin")
    return wrong


def _overlaps(problem: ScheduleProblem, actions: Sequence[Action], slack: float) -> list[str]:
    streams: dict[tuple[int, int], list[Action]] = {}
    for action in actions:
        chunk = problem.chunks[action.chunk]
        streams.setdefault((chunk.device, chunk.stream), []).append(action)
    for row in streams.values():
        row.sort(key=lambda one: (one.start, one.end))
    return [
        f"{_name(late)} starts while {_name(early)} runs"
        for sequence in streams.values()
        for early, late in pairwise(sequence)
        if late.start < early.end - slack
    ]


def _memory(problem: ScheduleProblem, actions: Sequence[Action]) -> list[str]:
    wrong: list[str] = []
    for device, sequence in enumerate(_by_device(problem, actions)):
        room = problem.capacity_bytes[device]
        held = 0.0
        for action in sequence:
            chunk = problem.chunks[action.chunk]
            held += chunk.activation_bytes if action.phase == "F" else 0.0
            if held + chunk.workspace_bytes > room + abs(room) * TOLERANCE:
                wrong.append(f"{_name(action)} exceeds the memory of device {device}")
            early = chunk.released_by_input_grad
            held -= {"F": 0.0, "B": early, "W": chunk.activation_bytes - early}[action.phase]
    return wrong


def _by_device(problem: ScheduleProblem, actions: Sequence[Action]) -> list[list[Action]]:
    devices: list[list[Action]] = [[] for _ in range(problem.devices)]
    for action in actions:
        devices[problem.chunks[action.chunk].device].append(action)
    return devices


def _name(action: Action | Transfer) -> str:
    if isinstance(action, Transfer):
        return _message_name(action)
    return f"{action.phase}({action.chunk}, {action.microbatch})"


def _message_name(transfer: Transfer) -> str:
    return f"the {transfer.phase} message {transfer.microbatch} of edge {transfer.edge}"
