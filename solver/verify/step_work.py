"""Work once per step: what of its collectives finds no compute beside it, and when it runs (section
6). Where overlap is scheduled, the communication stream is played unit by unit."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from solver.verify.figures import Action, StepAction, StepWork


@dataclass(frozen=True, slots=True)
class UnitStep:
    """Seconds of a unit: its part of a forward and of the last backward of its chunk, each less
    what collectives of micro-batches need of the stream meanwhile; and its two collectives."""

    forward: float
    backward: float
    reduce: float
    gather: float


def shared_work(chunks: Sequence[Sequence[UnitStep]], update: float) -> StepWork:
    """The work of a stage where overlap is a share: one thing after the other."""
    reduce, gather = _totals(chunks)
    return StepWork(reduce, update, gather, sum(reduce), sum(gather))


def scheduled_work(chunks: Sequence[Sequence[UnitStep]], update: float) -> StepWork:
    """The work of a stage (its chunks, and their units in program order) where collectives run
    beside compute: the worst over which chunk is the last to run, and which the first."""
    reduce, gather = _totals(chunks)
    wait = max(_wait(chunk, sum(reduce)) for chunk in chunks)
    rest = max(_rest(chunk, sum(gather)) for chunk in chunks)
    return StepWork(reduce, update, gather, wait, rest)


def _totals(chunks: Sequence[Sequence[UnitStep]]) -> tuple[tuple[float, ...], tuple[float, ...]]:
    reduce = tuple(sum(unit.reduce for unit in chunk) for chunk in chunks)
    return reduce, tuple(sum(unit.gather for unit in chunk) for chunk in chunks)


def _wait(chunk: Sequence[UnitStep], total: float) -> float:
    """Seconds that reductions take beyond the last backward. The units end last to first; those of
    the other chunks are ready when it begins."""
    now, stream = 0.0, total - sum(unit.reduce for unit in chunk)
    for unit in reversed(chunk):
        now += unit.backward
        stream = max(stream, now) + unit.reduce
    return max(0.0, stream - now)


def _rest(chunk: Sequence[UnitStep], total: float) -> float:
    """Seconds that gathers must be ahead of the first forward, so that no unit waits; those of the
    other chunks follow."""
    now = gathered = ahead = 0.0
    for unit in chunk:
        gathered += unit.gather
        ahead = max(ahead, gathered - now)
        now += unit.forward
    return max(ahead, total - now)


def step_actions(works: Sequence[StepWork], schedule: Sequence[Action]) -> Iterator[StepAction]:
    """When each operator runs: reductions one after the other in the order in which their chunks
    end, up to the update; then the update; then gathers in the order in which chunks begin."""
    starts: dict[tuple[int, int], float] = {}
    ends: dict[tuple[int, int], float] = {}
    for action in schedule:
        chunk = (action.stage, action.turn)
        starts[chunk] = min(starts.get(chunk, action.start), action.start)
        ends[chunk] = max(ends.get(chunk, action.end), action.end)
    for stage, work in enumerate(works):
        turns = range(len(work.reduce))
        update = max(ends[stage, turn] for turn in turns) + work.wait
        now = update - sum(work.reduce)
        for _, turn in sorted((ends[stage, turn], turn) for turn in turns):
            end = now + work.reduce[turn]
            yield StepAction(stage, turn, "reduce", "communication", now, end)
            now = end
        now = update + work.update
        yield StepAction(stage, None, "update", "compute", update, now)
        for _, turn in sorted((starts[stage, turn], turn) for turn in turns):
            end = now + work.gather[turn]
            yield StepAction(stage, turn, "gather", "communication", now, end)
            now = end
