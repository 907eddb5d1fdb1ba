"""A stage map with recomputation, as how often each group of units occurs on each stage."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from solver.cost.collectives import Floats
from solver.sharding.problem import ShardingProblem

PARTS = {"every": 0, "first": 1, "rest": 2}


@dataclass(frozen=True, slots=True)
class Pattern:
    """Unit number u (in graph order) is in chunk `chunk_of[u]`, and recomputed where `again[u]`;
    chunk c runs on stage `placement[c]`. Chunk numbers never decrease along the graph."""

    placement: tuple[int, ...]
    chunk_of: tuple[int, ...]
    again: tuple[bool, ...]

    @property
    def stages(self) -> int:
        """How many stages there are."""
        return max(self.placement) + 1

    @property
    def chunks(self) -> int:
        """How many chunks there are on all stages."""
        return len(self.placement)

    @property
    def has_several_chunks(self) -> bool:
        """Whether stages hold more than one chunk."""
        return self.chunks > self.stages

    def chunks_on(self, stage: int) -> tuple[int, ...]:
        """The chunks of a stage, in order."""
        return tuple(c for c, s in enumerate(self.placement) if s == stage)

    def round_of(self, chunk: int) -> int:
        """The number of a chunk among those of its stage."""
        return self.placement[:chunk].count(self.placement[chunk])

    @property
    def stage_of(self) -> tuple[int, ...]:
        """The stage of every unit."""
        return tuple(self.placement[c] for c in self.chunk_of)


@dataclass(frozen=True, slots=True)
class Counts:
    """`units[s, c, part]` units of class c on stage (or in chunk) s, and how many of them are
    recomputed."""

    units: Floats
    again: Floats


def unit_places(problem: ShardingProblem) -> list[tuple[int, int]]:
    """(class, position in the class) of every unit, in graph order."""
    place = {u: (c, i) for c, k in enumerate(problem.classes) for i, u in enumerate(k.units)}
    return [place[unit.name] for unit in problem.spec.graph.units]


def chunk_counts(problem: ShardingProblem, pattern: Pattern) -> Counts:
    """How often each group occurs in each chunk."""
    shape = (pattern.chunks, len(problem.classes), len(PARTS))
    units, again = np.zeros(shape), np.zeros(shape)
    for number, (c, i) in enumerate(unit_places(problem)):
        s = pattern.chunk_of[number]
        for part in ("every", "first" if i == 0 else "rest"):
            units[s, c, PARTS[part]] += 1
            again[s, c, PARTS[part]] += pattern.again[number]
    return Counts(units, again)


def counts(problem: ShardingProblem, pattern: Pattern) -> Counts:
    """How often each group occurs on each stage."""
    number = chunk_counts(problem, pattern)
    return Counts(by_stage(pattern, number.units), by_stage(pattern, number.again))


def by_stage(pattern: Pattern, values: Floats) -> Floats:
    """Sums over the chunks of every stage; `values` has a first axis of chunks."""
    result = np.zeros((pattern.stages, *values.shape[1:]))
    np.add.at(result, list(pattern.placement), values)
    return result
