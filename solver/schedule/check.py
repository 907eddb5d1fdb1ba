"""The validity of a finished schedule, judged from the problem and the actions alone.

Shares no code with the algorithms: times, dependencies and bytes are compared action by action.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from solver.schedule.problem import Action, Phase, ScheduleProblem

TOLERANCE = 1e-9
"""Relative slack of times and bytes for sums of floats."""

_Placed = dict[tuple[int, int, Phase], Action]


def violations(problem: ScheduleProblem, actions: Sequence[Action], fused: bool) -> list[str]:
    """Everything that is wrong with `actions`, in words; empty for a valid schedule.

    `fused`: W must follow B at once and the gradient leaves only after W.
    """
    placed = {(a.chunk, a.microbatch, a.phase): a for a in actions}
    expected = 3 * len(problem.chunks) * problem.microbatches
    if len(placed) != expected or len(actions) != expected:
        return [f"{len(actions)} actions, {len(placed)} distinct, where {expected} are needed"]
    slack = TOLERANCE * max(action.end for action in actions)
    return [
        *_durations(problem, actions, slack),
        *_dependencies(problem, placed, slack, fused),
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


def _dependencies(
    problem: ScheduleProblem, placed: _Placed, slack: float, fused: bool
) -> list[str]:
    needed: list[tuple[Action, Action, float]] = []
    gradient: Phase = "W" if fused else "B"
    for m in range(problem.microbatches):
        for c in range(len(problem.chunks)):
            needed.append((placed[c, m, "F"], placed[c, m, "B"], 0.0))
            needed.append((placed[c, m, "B"], placed[c, m, "W"], 0.0))
        for edge in problem.edges:
            source, target = edge.source, edge.target
            needed.append((placed[source, m, "F"], placed[target, m, "F"], edge.delay))
            needed.append((placed[target, m, gradient], placed[source, m, "B"], edge.delay))
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


def _overlaps(problem: ScheduleProblem, actions: Sequence[Action], slack: float) -> list[str]:
    devices = _by_device(problem, actions)
    return [
        f"{_name(late)} starts while {_name(early)} runs"
        for sequence in devices
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


def _name(action: Action) -> str:
    return f"{action.phase}({action.chunk}, {action.microbatch})"
