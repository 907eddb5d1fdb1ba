"""Drop points of a resource that another point close by implies, seen node by node.

Write take(o, x, q) for what the node or edge o takes at point q under the selection x, all its uses
summed. For points q and p, and every selection,

    use(q) - use(p) = sum over o of (take(o, x, q) - take(o, x, p))
                   <= sum over o of max over the choices of o of the same difference =: rise(p, q).

So when rise(p, q) <= capacity(q) - capacity(p), then use - capacity at q never exceeds that at p: a
hard limit that holds at p holds at q, the largest excess of a soft one is the same without q, and q
goes. Against a point where nothing is used and the capacity is 0 the same says that q goes if the
sum of the largest takes is no more than its capacity (for a soft resource too, as its overflow is
at least zero).

A point goes only in favour of one that is still there, and being implied is transitive, so the
points that are left imply all others. This includes what `live_sets` finds for neighbouring points,
and far more where a node's use moves from one amount to another, as it does once nodes have been
contracted into others.

Comparing all pairs would be quadratic. Each point is compared with the next `window` points that
are left, while the differences of the nodes are carried along from one to the next, so that only
uses that start or stop are touched: first the nearest only, onwards and backwards, then farther.
Sums are exact for whole numbers up to 2**53.
"""

from __future__ import annotations

import numpy as np

from solver.engine.problem import Bools, Floats, Problem
from solver.engine.reduce.points import keep_points
from solver.engine.reduce.step import Step

SWEEPS = ((1, False), (1, True), (16, False))
"""Window of points, and whether the sweep goes backwards."""

_Moves = list[list[tuple[int, Floats]]]
"""[point]: by how much the amounts of nodes and edges change on entering it from the one before."""


def implied_points(problem: Problem) -> Step | None:
    """Drop points that others imply; selections stay as they are."""
    reduced = problem
    for window, backwards in SWEEPS:
        stays = [
            _sweep(resource.capacity, moves, window, backwards)
            for resource, moves in zip(reduced.resources, _moves(reduced), strict=True)
        ]
        if not all(points.all() for points in stays):
            reduced = keep_points(reduced, [np.flatnonzero(points) for points in stays])
    return None if reduced is problem else Step(reduced, lambda selection: selection)


def _moves(problem: Problem) -> list[_Moves]:
    """Per resource; edges are numbered after the nodes."""
    moves: list[_Moves] = [[[] for _ in range(len(r.capacity) + 1)] for r in problem.resources]
    for use in problem.node_uses:
        moves[use.resource][use.start].append((use.node, use.amounts))
        moves[use.resource][use.stop].append((use.node, -use.amounts))
    for pair in problem.edge_uses:
        owner = len(problem.nodes) + pair.edge
        moves[pair.resource][pair.start].append((owner, pair.amounts))
        moves[pair.resource][pair.stop].append((owner, -pair.amounts))
    return moves


class _Difference:
    """What is taken at one point less what is taken at another, by node or edge.

    `most` and `least` bound the difference of the uses over all selections.
    """

    def __init__(self) -> None:
        self.most = self.least = 0.0
        self._by_owner: dict[int, tuple[Floats, float, float]] = {}

    def add(self, moves: list[tuple[int, Floats]], backwards: bool) -> None:
        """Go on by one point."""
        for owner, amounts in moves:
            change = -amounts if backwards else amounts
            if owner in self._by_owner:
                before, most, least = self._by_owner[owner]
                change = before + change
                self.most -= most
                self.least -= least
            most, least = float(change.max()), float(change.min())
            self._by_owner[owner] = change, most, least
            self.most += most
            self.least += least


def _sweep(capacity: Floats, moves: _Moves, window: int, backwards: bool) -> Bools:
    """[point]: whether it stays."""
    stays = _can_bind(capacity, moves)
    limits = capacity.tolist()
    every = range(len(limits))
    for point in reversed(every) if backwards else every:
        if stays[point]:
            _compare(point, limits, moves, stays, window, backwards)
    return stays


def _can_bind(capacity: Floats, moves: _Moves) -> Bools:
    taken = _Difference()
    binds = np.zeros(len(capacity), dtype=np.bool_)
    for point, limit in enumerate(capacity.tolist()):
        taken.add(moves[point], backwards=False)
        binds[point] = taken.most > limit
    return binds


def _compare(
    point: int, limits: list[float], moves: _Moves, stays: Bools, window: int, backwards: bool
) -> None:
    """Mark, of a point and the next ones that are left, those that go."""
    change = _Difference()
    left, other = window, point
    while left:
        change.add(moves[other if backwards else other + 1], backwards)
        other += -1 if backwards else 1
        if not 0 <= other < len(limits):
            return
        if not stays[other]:
            continue
        room = limits[other] - limits[point]
        if room <= change.least:
            stays[point] = False
            return
        if change.most <= room:
            stays[other] = False
        else:
            left -= 1
