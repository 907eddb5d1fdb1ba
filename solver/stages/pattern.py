"""A stage map with recomputation, as how often each group of units occurs on each stage."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from solver.cost.collectives import Floats
from solver.sharding.problem import ShardingProblem

PARTS = {"every": 0, "first": 1, "rest": 2}


@dataclass(frozen=True, slots=True)
class Pattern:
    """`stage_of[u]` and `again[u]` (recomputed) for unit number u, in graph order."""

    stages: int
    stage_of: tuple[int, ...]
    again: tuple[bool, ...]


@dataclass(frozen=True, slots=True)
class Counts:
    """`units[s, c, part]` units of class c on stage s, and how many of them are recomputed."""

    units: Floats
    again: Floats


def unit_places(problem: ShardingProblem) -> list[tuple[int, int]]:
    """(class, position in the class) of every unit, in graph order."""
    place = {u: (c, i) for c, k in enumerate(problem.classes) for i, u in enumerate(k.units)}
    return [place[unit.name] for unit in problem.spec.graph.units]


def counts(problem: ShardingProblem, pattern: Pattern) -> Counts:
    """How often each group occurs on each stage."""
    shape = (pattern.stages, len(problem.classes), len(PARTS))
    units, again = np.zeros(shape), np.zeros(shape)
    for number, (c, i) in enumerate(unit_places(problem)):
        s = pattern.stage_of[number]
        for part in ("every", "first" if i == 0 else "rest"):
            units[s, c, PARTS[part]] += 1
            again[s, c, PARTS[part]] += pattern.again[number]
    return Counts(units, again)
