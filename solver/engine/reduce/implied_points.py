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

from solver.engine.problem import Bools, EdgeUse, Floats, NodeUse, Problem
from solver.engine.reduce.points import keep_points, least_and_most
from solver.engine.reduce.step import Step

SWEEPS = ((1, False), (4, True), (16, False))
"""Window of points, and whether the sweep goes backwards."""

_Move = tuple[int, Floats, float, float]
"""Node or edge, by how much its amounts change on entering a point from the one before, the largest
and the least of these changes."""


def implied_points(problem: Problem) -> Step | None:
    """Drop points that others imply; selections stay as they are."""
    reduced = _kept(
        problem,
        [
            _can_bind(resource.capacity, moves)
            for resource, moves in zip(problem.resources, _moves(problem), strict=True)
        ],
    )
    for window, backwards in SWEEPS:
        stays = [
            _sweep(resource.capacity, moves, window, backwards)
            for resource, moves in zip(reduced.resources, _moves(reduced), strict=True)
        ]
        reduced = _kept(reduced, stays)
    return None if reduced is problem else Step(reduced, lambda selection: selection)


def _kept(problem: Problem, stays: list[Bools]) -> Problem:
    if all(points.all() for points in stays):
        return problem
    return keep_points(problem, [np.flatnonzero(points) for points in stays])


def _moves(problem: Problem) -> list[list[list[_Move]]]:
    """[resource][point]; edges are numbered after the nodes."""
    moves: list[list[list[_Move]]] = [
        [[] for _ in range(len(resource.capacity) + 1)] for resource in problem.resources
    ]
    uses: list[NodeUse | EdgeUse] = [*problem.node_uses, *problem.edge_uses]
    bounds = (bound.tolist() for bound in least_and_most(uses))
    for use, least, most in zip(uses, *bounds, strict=True):
        owner = len(problem.nodes) + use.edge if isinstance(use, EdgeUse) else use.node
        moves[use.resource][use.start].append((owner, use.amounts, most, least))
        moves[use.resource][use.stop].append((owner, -use.amounts, -least, -most))
    return moves


class _Difference:
    """What is taken at one point less what is taken at another, by node or edge.

    `most` and `least` bound the difference of the uses over all selections.
    """

    def __init__(self) -> None:
        self.most = self.least = 0.0
        self._by_owner: dict[int, tuple[Floats, float, float]] = {}

    def enter(self, moves: list[_Move]) -> None:
        """Go on to the next point, whose moves these are."""
        for owner, change, most, least in moves:
            self._add(owner, change, most, least)

    def leave(self, moves: list[_Move]) -> None:
        """Go back to the point before the one whose moves these are."""
        for owner, change, most, least in moves:
            self._add(owner, -change, -least, -most)

    def _add(self, owner: int, change: Floats, most: float, least: float) -> None:
        known = self._by_owner.get(owner)
        if known is not None:
            change = known[0] + change
            self.most -= known[1]
            self.least -= known[2]
            most = float(np.maximum.reduce(change, axis=None))
            least = float(np.minimum.reduce(change, axis=None))
        self._by_owner[owner] = change, most, least
        self.most += most
        self.least += least


def _can_bind(capacity: Floats, moves: list[list[_Move]]) -> Bools:
    """[point]: whether the largest takes exceed the capacity."""
    taken = _Difference()
    binds = np.zeros(len(capacity), dtype=np.bool_)
    for point, limit in enumerate(capacity.tolist()):
        taken.enter(moves[point])
        binds[point] = taken.most > limit
    return binds


def _sweep(capacity: Floats, moves: list[list[_Move]], window: int, backwards: bool) -> Bools:
    """[point]: whether it stays."""
    stays = np.ones(len(capacity), dtype=np.bool_)
    limits = capacity.tolist()
    every = range(len(limits))
    for point in reversed(every) if backwards else every:
        if stays[point]:
            _compare(point, limits, moves, stays, window, backwards)
    return stays


def _compare(
    point: int,
    limits: list[float],
    moves: list[list[_Move]],
    stays: Bools,
    window: int,
    backwards: bool,
) -> None:
    """Mark, of a point and the next ones that are left, those that go."""
    change = _Difference()
    left = window
    others = range(point - 1, -1, -1) if backwards else range(point + 1, len(limits))
    for other in others:
        if backwards:
            change.leave(moves[other + 1])
        else:
            change.enter(moves[other])
        if not stays[other]:
            continue
        room = limits[other] - limits[point]
        if room <= change.least:
            stays[point] = False
            return
        if change.most <= room:
            stays[other] = False
            continue
        left -= 1
        if not left:
            return
