"""Several chunks per stage: tried for the split of the best plan where a spec gives a range.

The search of all splits is for the fewest chunks. More of them shorten the ramp of a pipeline and
cost transfers and memory; which layers are cut, and how, changes little. So they are tried once the
ramp is worth more than what is left to find, for the split of the best plan and with half its
micro-batches. Plans of these counts and splits alone are then part of the space that the bound is
for, once one of them is the best.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace

from dsl.spec import Spec
from solver.search.goal import Found, Goal
from solver.search.split import SplitSearch
from solver.sharding.build import Frame
from solver.space.mesh import Split, is_usual

UNITS = 2  # of a chunk, at least, on average
USUAL = 4  # chunks: more hardly shorten the ramp any further, and all cost transfers


def ramp(split: Split, chunks: int) -> float:
    """The share of a step in which the stages of a chain fill and drain: (P - 1) / (v m + P - 1)
    for P stages of v chunks and m micro-batches (Narayanan et al. 2021, section 2.2)."""
    ahead = split.stages - 1
    return ahead / (chunks * split.microbatches + ahead)


def counts(spec: Spec, stages: int) -> list[int]:
    """The numbers of chunks to try, the likeliest first: doublings of the fewest that leave a chunk
    two units."""
    pipeline, found = spec.train.pipeline, []
    count = 2 * pipeline.chunks
    while count <= pipeline.most_chunks and UNITS * count * stages <= len(spec.graph.units):
        found.append(count)
        count *= 2
    return sorted(found, key=lambda count: abs(math.log2(count / USUAL)))


def gain(spec: Spec, split: Split) -> float:
    """The share of a step that more chunks can save at most."""
    tried = counts(spec, split.stages)
    return ramp(split, spec.train.pipeline.chunks) - ramp(split, max(tried)) if tried else 0.0


def divided(frame: Frame, split: Split, goal: Goal) -> Iterator[SplitSearch]:
    """The split with more chunks per stage, first with half the micro-batches: what they cost in
    latency and launches is then spent half as often."""
    spec = frame.spec
    counted = [split.microbatches // 2, split.microbatches]
    low, _ = spec.train.microbatches or (1, None)
    for count in counts(spec, split.stages):
        pipeline = replace(spec.train.pipeline, chunks=count, most_chunks=count)
        mine = replace(spec, train=replace(spec.train, pipeline=pipeline))
        several = replace(frame, spec=mine, stages_differ=False)
        for microbatches in counted:
            chosen = replace(split, microbatches=microbatches)
            is_whole = microbatches >= low and split.microbatches % microbatches == 0
            if is_whole and is_usual(mine, chosen):
                yield SplitSearch(several, chosen, goal)


def with_words(found: Found, tried: Sequence[SplitSearch]) -> Found:
    """The plan, whose document says where more chunks were tried."""
    problem, cases = found.plan.problem, []
    for search in tried:
        chunks, split = search.spec.train.pipeline.chunks, search.split
        cases.append(f"{chunks} with {split.stages} stages and {split.microbatches} micro-batches")
    words = f"{problem.space}; more chunks per stage only in some cases: {', '.join(cases)}"
    return replace(found, plan=replace(found.plan, problem=replace(problem, space=words)))
