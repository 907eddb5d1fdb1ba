"""What every stage does once per step, with times: reduction of gradients, update, gather of
updated parameters (solver/README.md sections 6 and 9)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from solver.cost.collectives import Floats
from solver.schedule.problem import Action
from solver.sharding.problem import Selection, ShardingProblem
from solver.stages.figures import StageFigures
from solver.stages.pattern import Pattern, by_stage, chunk_counts


@dataclass(frozen=True, slots=True)
class StepWork:
    """Seconds once per step: `reduce` and `gather` of every chunk on the communication stream,
    `update` of every stage with all that is never hidden; `wait` and `rest` of every stage are what
    is seen of its reductions before the update, and of its gathers after it."""

    reduce: Floats
    update: Floats
    gather: Floats
    wait: Floats
    rest: Floats


def step_work(
    problem: ShardingProblem, selection: Selection, pattern: Pattern, f: StageFigures
) -> StepWork:
    """The work of a plan. Where overlap is a share, all that it leaves is seen."""
    reduce, gather = np.zeros(pattern.chunks), np.zeros(pattern.chunks)
    number = chunk_counts(problem, pattern).units[:, :, 0]
    kinds = [problem.split.kinds[stage] for stage in pattern.placement]
    for store, z in zip(problem.stores, selection.storage, strict=True):
        label = store.labels[selection.strategies[store.node]]
        units = number[:, problem.nodes[store.node].unit_class]
        reduce += units * store.costs.reduce[kinds, label, z]
        gather += units * store.costs.regather[kinds, label, z]
    wait, rest = by_stage(pattern, reduce), by_stage(pattern, gather)
    if f.exposed is not None:
        wait, rest = f.exposed.reduce, f.exposed.gather
    return StepWork(reduce, np.maximum(f.tail - wait - rest, 0.0), gather, wait, rest)


def step_operators(
    work: StepWork, pattern: Pattern, actions: Sequence[Action]
) -> list[dict[str, Any]]:
    """Entries of `pipeline.step_operators`, stage by stage: the reductions of its chunks in the
    order of their last backwards, as late as the update allows; the update; the gathers in the
    order of the first forwards."""
    found = []
    first, last = np.full(pattern.chunks, np.inf), np.zeros(pattern.chunks)
    for a in actions:
        first[a.chunk], last[a.chunk] = min(first[a.chunk], a.start), max(last[a.chunk], a.end)
    for stage in range(pattern.stages):
        chunks = pattern.chunks_on(stage)
        updates = float(last[list(chunks)].max() + work.wait[stage])
        gathers = updates + float(work.update[stage])
        now = updates - float(work.reduce[list(chunks)].sum())
        for c in sorted(chunks, key=lambda c: (last[c], c)):
            found.append(_entry(pattern, c, "reduce", now, float(work.reduce[c])))
            now = found[-1]["end_s"]
        entry = {"stage": stage, "chunk": None, "phase": "update", "stream": "compute"}
        found.append({**entry, "start_s": updates, "end_s": gathers})
        now = gathers
        for c in sorted(chunks, key=lambda c: (first[c], c)):
            found.append(_entry(pattern, c, "gather", now, float(work.gather[c])))
            now = found[-1]["end_s"]
    return found


def _entry(
    pattern: Pattern, chunk: int, phase: str, start: float, seconds: float
) -> dict[str, Any]:
    return {
        "stage": pattern.placement[chunk],
        "chunk": pattern.round_of(chunk),
        "phase": phase,
        "stream": "communication",
        "start_s": start,
        "end_s": start + seconds,
    }
