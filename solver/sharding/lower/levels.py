"""Levels: nodes that choose what a maximum over choices may be at most.

A level is used at all its points, and nothing that it stands for may exceed it: single operators by
edges, sums over the parameters of a unit by a resource of their own. The least level that is
allowed is the maximum, and no larger one is ever better.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from solver.cost.collectives import Floats
from solver.sharding.lower.tables import Tables
from solver.sharding.problem import Labels

GUARD = 1e-12
"""Relative rounding of sums of bytes; no reduction rests on less."""


@dataclass(frozen=True, slots=True, eq=False)
class Level:
    """Bytes to choose from (`amounts`, ascending), used at all of `points`.

    None of the operators `nodes` may need more working memory; no unit of `classes` may gather more
    than half of it (two units do so at a time).
    """

    amounts: Floats
    points: Labels
    nodes: tuple[int, ...]
    classes: tuple[int, ...]

    def needed(self, bytes_: Floats) -> Labels:
        """The number of the least level that covers each amount (their count: none does)."""
        return np.searchsorted(self.amounts, bytes_ * (1 - GUARD))

    def trimmed(self, alike: float, ceiling: float) -> Level:
        """Without those below the largest that is at most `alike`, and those above `ceiling`; one
        always stays."""
        first = max(0, int(np.searchsorted(self.amounts, alike, side="right")) - 1)
        last = int(np.searchsorted(self.amounts, ceiling, side="right"))
        return replace(self, amounts=self.amounts[first : max(last, first + 1)])


def working_levels(tables: Tables, members: Sequence[frozenset[int]]) -> list[Level]:
    """Levels of working memory; `members[point]` are the classes with a unit on its stage."""
    needing = [n for n, node in enumerate(tables.nodes) if node.working.any()]
    found = []
    for classes, points in _alike(members):
        nodes = tuple(n for n in needing if tables.nodes[n].unit_class in classes)
        if nodes:
            amounts = _reachable([tables.nodes[n].working for n in nodes])
            found.append(Level(amounts, points, nodes, ()))
    return found


def gathered_levels(tables: Tables, members: Sequence[frozenset[int]]) -> list[Level]:
    """Levels of what two units gather; `members[point]` are the classes to look at, whose sums are
    known."""
    found = []
    for classes, points in _alike(members):
        if classes:
            sums = [tables.gathers[c] for c in sorted(classes)]
            amounts = _reachable([2 * x for x in sums if x is not None])
            found.append(Level(amounts, points, (), tuple(sorted(classes))))
    return found


def _alike(members: Sequence[frozenset[int]]) -> Iterable[tuple[frozenset[int], Labels]]:
    """Points with the same members together."""
    groups: dict[frozenset[int], list[int]] = {}
    for point, classes in enumerate(members):
        groups.setdefault(classes, []).append(point)
    return [(classes, np.array(points, dtype=np.intp)) for classes, points in groups.items()]


def _reachable(amounts: Sequence[Floats]) -> Floats:
    """What the maximum of one amount of each can be."""
    floor = max(each.min() for each in amounts)
    together = np.unique(np.concatenate(amounts))
    return np.asarray(together[together >= floor])


def bytes_gathered(tables: Tables, unit_class: int, pairs: Sequence[int]) -> float:
    """What a unit of a class gathers; `pairs[store]` is the strategy of every parameter."""
    return math.fsum(
        store.gathered()[pair]
        for store, pair in zip(tables.stores, pairs, strict=True)
        if store.unit_class == unit_class
    )
