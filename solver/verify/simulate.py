"""The schedule as discrete events (section 8): run an order, or replay given times.

Operators of a stage run one at a time. F(s,j) waits for F(r,j) of every edge r -> s, B(r,j) for
B(s,j), each with the edge's delay; B(s,j) waits for F(s,j) and W(s,j) for B(s,j).
"""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from solver.verify.figures import Action, Edge, Phase, StageTime
from solver.verify.report import Violation, close

ROUNDING = 1e-9

Key = tuple[int, int, Phase]
"""Stage, micro-batch, phase."""

Order = Sequence[Sequence[tuple[Phase, int]]]
"""For every stage its (phase, micro-batch) pairs in the order they run."""


class DeadlockError(Exception):
    """An order in which stages wait for each other for ever, or one that lacks an operator."""


def phases(time: StageTime) -> tuple[Phase, ...]:
    """The phases a stage runs for every micro-batch."""
    return ("F", "B") if time.fused else ("F", "B", "W")


@dataclass(frozen=True, slots=True)
class Waits:
    """What each operator waits for: stages upstream and downstream, with the delay of messages."""

    before: Mapping[int, tuple[Edge, ...]]
    after: Mapping[int, tuple[Edge, ...]]

    def of(self, key: Key) -> Iterator[tuple[Key, float]]:
        """The operators that must have ended before this one, each with its delay."""
        stage, microbatch, phase = key
        if phase == "F":
            for edge in self.before.get(stage, ()):
                yield (edge.source, microbatch, "F"), edge.delay
        elif phase == "B":
            yield (stage, microbatch, "F"), 0.0
            for edge in self.after.get(stage, ()):
                yield (edge.target, microbatch, "B"), edge.delay
        else:
            yield (stage, microbatch, "B"), 0.0

    def woken_by(self, key: Key) -> Iterator[tuple[int, float]]:
        """The other stages that may go on when this operator has ended, each with its delay."""
        stage, _, phase = key
        if phase == "F":
            yield from ((edge.target, edge.delay) for edge in self.after.get(stage, ()))
        elif phase == "B":
            yield from ((edge.source, edge.delay) for edge in self.before.get(stage, ()))


def waits(edges: Sequence[Edge]) -> Waits:
    """The dependencies that stage edges make."""
    before: dict[int, list[Edge]] = {}
    after: dict[int, list[Edge]] = {}
    for edge in edges:
        before.setdefault(edge.target, []).append(edge)
        after.setdefault(edge.source, []).append(edge)
    return Waits(
        {stage: tuple(found) for stage, found in before.items()},
        {stage: tuple(found) for stage, found in after.items()},
    )


def run(order: Order, times: Sequence[StageTime], edges: Sequence[Edge]) -> tuple[Action, ...]:
    """Start every operator as early as its stage's order allows; actions by stage and start.

    Raises DeadlockError when some operator can never start.
    """
    rules = waits(edges)
    ended: dict[Key, float] = {}
    actions: list[list[Action]] = [[] for _ in order]
    events = [(0.0, stage) for stage in range(len(order))]
    heapq.heapify(events)
    while events:
        now, stage = heapq.heappop(events)
        at = len(actions[stage])
        if at == len(order[stage]) or (at and actions[stage][-1].end > now):
            continue
        phase, microbatch = order[stage][at]
        key = (stage, microbatch, phase)
        ready = [ended[w] + delay if w in ended else None for w, delay in rules.of(key)]
        if any(arrival is None or arrival > now for arrival in ready):
            continue
        end = now + times[stage].duration(phase)
        actions[stage].append(Action(stage, microbatch, phase, now, end))
        ended[key] = end
        heapq.heappush(events, (end, stage))
        for other, delay in rules.woken_by(key):
            heapq.heappush(events, (end + delay, other))
    if sum(map(len, actions)) < sum(map(len, order)):
        raise DeadlockError("stages wait for each other for ever")
    return tuple(action for row in actions for action in row)


def by_stage(
    schedule: Sequence[Action], stages: int, places: Sequence[int] | None = None
) -> tuple[tuple[Action, ...], ...]:
    """The actions of every stage in the order they run (those of a moment: as listed); `places` are
    the stages of virtual stages, where the actions name these."""
    rows: list[list[Action]] = [[] for _ in range(stages)]
    for action in schedule:
        rows[action.stage if places is None else places[action.stage]].append(action)
    return tuple(tuple(sorted(row, key=lambda a: (a.start, a.end))) for row in rows)


def completeness(
    schedule: Sequence[Action], times: Sequence[StageTime], microbatches: int
) -> Iterator[Violation]:
    """Every stage runs every phase of every micro-batch exactly once, and nothing else."""
    if microbatches > len(schedule):
        message = f"{len(schedule)} operators cannot be those of {microbatches} micro-batches"
        yield Violation("schedule-count", message, "pipeline.schedule")
        return
    wanted = {
        (stage, microbatch, phase): 0
        for stage, time in enumerate(times)
        for microbatch in range(microbatches)
        for phase in phases(time)
    }
    for at, action in enumerate(schedule):
        key = (action.stage, action.microbatch, action.phase)
        if key not in wanted:
            yield Violation("schedule-extra", f"there is no {_say(key)}", _where(at))
        else:
            wanted[key] += 1
    for key, count in wanted.items():
        if count != 1:
            message = f"{_say(key)} runs {count} times instead of once"
            yield Violation("schedule-count", message, "pipeline.schedule")


def replay(
    schedule: Sequence[Action],
    times: Sequence[StageTime],
    edges: Sequence[Edge],
    places: Sequence[int] | None = None,
) -> Iterator[Violation]:
    """Check the times of a complete schedule: durations, waiting, and one operator at a time, also
    of the virtual stages on one stage (`places`).

    Starts may be early by a billionth of the last end, the rounding of sums: many operators early
    by a fixed time would shorten a short step.
    """
    rules = waits(edges)
    within = ROUNDING * max((action.end for action in schedule), default=0.0)
    ended: dict[Key, float] = {(a.stage, a.microbatch, a.phase): a.end for a in schedule}
    for at, action in enumerate(schedule):
        key = (action.stage, action.microbatch, action.phase)
        duration = times[action.stage].duration(action.phase)
        if not close(action.end - action.start, duration):
            message = f"{_say(key)} takes {duration!r} s, not {action.end - action.start!r}"
            yield Violation("schedule-duration", message, _where(at))
        if action.start < -within:
            yield Violation("schedule-early", f"{_say(key)} starts before 0", _where(at))
        for wait, delay in rules.of(key):
            if action.start < ended[wait] + delay - within:
                message = f"{_say(key)} starts before {_say(wait)} has arrived"
                yield Violation("schedule-early", message, _where(at))
    for row in by_stage(schedule, len(times), places):
        for one, other in itertools.pairwise(row):
            if other.start < one.end - within:
                message = f"stage {one.stage} runs two operators at {other.start!r} s"
                yield Violation("schedule-overlap", message, "pipeline.schedule")


def _say(key: Key) -> str:
    stage, microbatch, phase = key
    return f"{phase} of micro-batch {microbatch} on stage {stage}"


def _where(at: int) -> str:
    return f"pipeline.schedule[{at}]"
