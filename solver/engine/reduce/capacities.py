"""Strategies that cannot fit a hard capacity even when all others take as little as they can.

Let least(w, p) be the least use of the resource by the use w at the point p among the strategies
left, and slack(p) = capacity(p) - sum over uses of least(w, p). No selection fits when a slack is
negative. A strategy that takes the amount a of the use w over [start, stop) adds a - least(w) to
that sum, the others at least nothing, so it fits nowhere when

    a - least(w) > min of slack over [start, stop).

An edge's use is bounded by its least amount among the allowed pairs.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from solver.engine.problem import Bools, Floats, Labels, Problem
from solver.engine.reduce.flat import offsets, ranges
from solver.engine.reduce.step import Infeasible


@dataclass(frozen=True, slots=True, eq=False)
class Load:
    """What the nodes take of one hard resource; strategies are numbered on over all nodes."""

    name: str
    capacity: Floats
    """[point]: less what edges take at least."""
    start: Labels
    """[use]"""
    stop: Labels
    """[use]"""
    first: Labels
    """[use]: its first entry."""
    counts: Labels
    """[use]: its number of entries."""
    strategy: Labels
    """[entry]"""
    amounts: Floats
    """[entry]"""

    def unfit(self, alive: Bools) -> Labels:
        """The living strategies that fit no more; every use must have a living one."""
        if not len(self.capacity):
            return np.empty(0, dtype=np.intp)
        amounts = np.where(alive[self.strategy], self.amounts, np.inf)
        least = np.minimum.reduceat(amounts, self.first) if len(self.first) else np.empty(0)
        slack = self.capacity - _total(least, self.start, self.stop, len(self.capacity))
        if slack.min() < 0:
            raise Infeasible(
                f"{self.name} is exceeded at point {int(slack.argmin())} "
                "even when everything takes the least it can"
            )
        room = least + _least_between(slack, self.start, self.stop)
        over = (amounts > np.repeat(room, self.counts)) & np.isfinite(amounts)
        return np.unique(self.strategy[over])


def loads(problem: Problem, node_start: Labels) -> list[Load]:
    """The loads of the hard resources; `node_start` is [node + 1], each node's first strategy."""
    return [
        _load(problem, number, node_start)
        for number, resource in enumerate(problem.resources)
        if resource.is_hard
    ]


def _load(problem: Problem, number: int, node_start: Labels) -> Load:
    resource = problem.resources[number]
    uses = [use for use in problem.node_uses if use.resource == number]
    nodes = np.array([use.node for use in uses], dtype=np.intp)
    counts = np.diff(node_start)[nodes]
    return Load(
        resource.name,
        resource.capacity - _edges_least(problem, number),
        np.array([use.start for use in uses], dtype=np.intp),
        np.array([use.stop for use in uses], dtype=np.intp),
        offsets(counts)[:-1],
        counts,
        ranges(node_start[nodes], counts),
        np.concatenate([np.empty(0), *(use.amounts for use in uses)]),
    )


def _edges_least(problem: Problem, number: int) -> Floats:
    """What edges take of a resource at least, per point."""
    least, start, stop = [], [], []
    for use in problem.edge_uses:
        allowed = np.isfinite(problem.edges[use.edge].table)
        if use.resource == number and allowed.any():
            least.append(float(use.amounts[allowed].min()))
            start.append(use.start)
            stop.append(use.stop)
    points = len(problem.resources[number].capacity)
    ends = (np.array(start, dtype=np.intp), np.array(stop, dtype=np.intp))
    return _total(np.array(least), *ends, points)


def _total(amounts: Floats, start: Labels, stop: Labels, points: int) -> Floats:
    """[point]: the sum of the amounts over their intervals."""
    steps = np.bincount(start, amounts, points + 1) - np.bincount(stop, amounts, points + 1)
    return np.cumsum(steps)[:-1]


def _least_between(values: Floats, start: Labels, stop: Labels) -> Floats:
    """The least value in each [start, stop), by minima over windows of 1, 2, 4, ... values."""
    found = np.full(len(start), np.inf)
    width, window = 1, values
    lengths = stop - start
    while len(window):
        here = np.flatnonzero((lengths >= width) & (lengths < 2 * width))
        found[here] = np.minimum(window[start[here]], window[stop[here] - width])
        window = np.minimum(window[: max(len(window) - width, 0)], window[width:])
        width *= 2
    return found
