"""Chunks of stages as virtual stages (Narayanan et al. 2021), numbered in the order of the model.

Where every stage holds one chunk these are the stages themselves. Times, transfers and the order
of operators are those of virtual stages; parameters, memory and the work once per step belong to
the stage that holds them, which runs one operator at a time. Findings about the order of operators
name virtual stages.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from dsl.spec import Pipeline
from solver.verify.figures import Action
from solver.verify.report import Violation


def places(pipeline: Pipeline, stages: int) -> tuple[int, ...]:
    """The stage of every virtual stage: in turn (`loop`), or there and back (`v`). One stage is
    not divided."""
    if stages == 1:
        return (0,)
    if pipeline.placement == "v":
        return tuple(min(chunk, 2 * stages - 1 - chunk) for chunk in range(2 * stages))
    return tuple(chunk % stages for chunk in range(pipeline.chunks * stages))


def with_chunks(pipeline: Pipeline, count: int) -> Pipeline:
    """The pipeline with as many chunks per stage as a plan has: the nearest number in its range."""
    most = max(pipeline.chunks, pipeline.most_chunks)
    chosen = min(max(count, pipeline.chunks), most)
    return replace(pipeline, chunks=chosen, most_chunks=chosen)


def number(place: Sequence[int], stage: int, turn: int) -> int | None:
    """The virtual stage that is chunk number `turn` of a stage; None where there is none."""
    here = [chunk for chunk, holder in enumerate(place) if holder == stage]
    return here[turn] if 0 <= turn < len(here) else None


def unplaced(schedule: Sequence[Action], place: Sequence[int]) -> Iterator[Violation]:
    """Operators of chunks that do not exist."""
    for at, action in enumerate(schedule):
        if number(place, action.stage, action.turn) is None:
            message = f"there is no chunk {action.turn} on stage {action.stage}"
            yield Violation("schedule-extra", message, f"pipeline.schedule[{at}]")


def renumbered(actions: Sequence[Action], place: Sequence[int]) -> tuple[Action, ...]:
    """The same operators with their virtual stage as their stage."""
    numbers = {
        (stage, turn): chunk
        for stage in set(place)
        for turn, chunk in enumerate(c for c, holder in enumerate(place) if holder == stage)
    }
    return tuple(replace(a, stage=numbers[a.stage, a.turn], turn=0) for a in actions)
