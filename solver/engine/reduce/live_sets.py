"""Keep the capacities of resources only where they can bind.

Write S(q) for the uses that are live at point q: those with start <= q < stop.

1. *Least amounts are constants.* A use takes at least m = the least of its amounts, whatever is
   chosen. Subtracting m from its amounts and from the capacity at its points leaves the difference
   of use and capacity, hence feasibility and overflow, unchanged. Uses that become zero vanish,
   and from here on no amount is negative.
2. *Points that never bind go.* If the largest amounts of S(q) sum to no more than the capacity,
   use - capacity <= 0 at q for every selection: a hard limit holds there, and a soft overflow,
   which is at least zero, does not come from there.
3. *Dominated points go.* If S(q) is part of S(p) and capacity(p) <= capacity(q), then, amounts not
   being negative, use - capacity is at least as large at p as at q for every selection. So a hard
   limit that holds at p holds at q, and the largest excess is unchanged without q. Being dominated
   is transitive; between points that dominate each other the first is kept.
4. *A resource without uses* (or without points) is a constant: none if it is hard and its capacity
   is not negative, infeasible if it is, price * largest excess if it is soft.
5. Uses of one node (or edge) over the same points are summed.

Because uses are intervals, S(q) is part of S(p) exactly when no use of S(q) stops at or before p
and none starts after p, that is, for L(q) <= p < E(q) with L the latest start and E the earliest
stop in S(q). So q stays exactly when it is the first among the points of [L(q), E(q)) in the order
(least capacity, most live uses, lowest number): within that range every point dominates q that does
not come after it in this order. All of this is array arithmetic, O(n log n) in points and uses.

Sums are exact for whole numbers up to 2**53.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np

from solver.engine.problem import Bools, EdgeUse, Floats, Labels, NodeUse, Problem, Resource
from solver.engine.reduce.points import keep_points, least_and_most
from solver.engine.reduce.step import Infeasible, Step

_Use = TypeVar("_Use", NodeUse, EdgeUse)


@dataclass(frozen=True, slots=True, eq=False)
class _Columns:
    """Uses as columns, each [use]; `least` and `most` are of their amounts."""

    resource: Labels
    start: Labels
    stop: Labels
    least: Floats
    most: Floats


def live_sets(problem: Problem) -> Step | None:
    """Drop points and resources that never decide anything; selections stay as they are.

    Raises `Infeasible` when the least amounts alone exceed a hard capacity.
    """
    if not problem.resources:
        return None
    varying = _without_least(problem)
    columns = _columns(varying)
    chosen, constant = [], problem.constant
    for number, resource in enumerate(varying.resources):
        mine = columns.resource == number
        if mine.any():
            chosen.append(_needed(resource, columns, mine))
        else:
            chosen.append(np.zeros(0, dtype=np.intp))
            constant += _unused(resource)
    reduced = keep_points(replace(varying, constant=constant), chosen)
    if varying is problem and _size(reduced) == _size(problem):
        return None
    return Step(reduced, lambda selection: selection)


def _size(problem: Problem) -> tuple[int, ...]:
    """Numbers that all stay as they are only if no point, use or resource has gone."""
    points = (len(resource.capacity) for resource in problem.resources)
    return (len(problem.node_uses), len(problem.edge_uses), *points)


def _columns(problem: Problem) -> _Columns:
    uses: list[NodeUse | EdgeUse] = [*problem.node_uses, *problem.edge_uses]
    spans = np.array([(use.resource, use.start, use.stop) for use in uses], dtype=np.intp)
    resource, start, stop = spans.reshape(-1, 3).T
    return _Columns(resource, start, stop, *least_and_most(uses))


def _without_least(problem: Problem) -> Problem:
    """Least amounts are taken from the capacities (statement 1); the problem itself if none are."""
    columns = _columns(problem)
    varies = (columns.most > columns.least) & (columns.start < columns.stop)
    if not columns.least.any() and varies.all():
        return problem
    capacities = []
    for number, resource in enumerate(problem.resources):
        mine, points = columns.resource == number, len(resource.capacity)
        total = _total(points, columns.start[mine], columns.stop[mine], columns.least[mine])
        capacities.append(replace(resource, capacity=resource.capacity - total))
    split, least = len(problem.node_uses), columns.least.tolist()
    stays = varies.tolist()
    return replace(
        problem,
        resources=tuple(capacities),
        node_uses=_shifted(problem.node_uses, least[:split], stays[:split]),
        edge_uses=_shifted(problem.edge_uses, least[split:], stays[split:]),
    )


def _shifted(
    uses: Sequence[_Use], least: Sequence[float], stays: Sequence[bool]
) -> tuple[_Use, ...]:
    return tuple(
        replace(use, amounts=use.amounts - floor) if floor else use
        for use, floor, keeps in zip(uses, least, stays, strict=True)
        if keeps
    )


def _unused(resource: Resource) -> float:
    """What a resource without uses costs (statement 4)."""
    excess = max(0.0, -float(resource.capacity.min(initial=0.0)))
    if excess > 0 and resource.is_hard:
        raise Infeasible(_short(resource))
    return excess * resource.price if excess > 0 else 0.0


def _needed(resource: Resource, columns: _Columns, mine: Bools) -> Labels:
    """The points of a resource that can decide something (statements 2 and 3)."""
    capacity, most = resource.capacity, columns.most[mine]
    if resource.is_hard and capacity.min() < 0:
        raise Infeasible(_short(resource))
    start, stop = columns.start[mine], columns.stop[mine]
    can_bind = _total(len(capacity), start, stop, most) > capacity
    return np.flatnonzero(can_bind & ~_is_dominated(capacity, start, stop))


def _short(resource: Resource) -> str:
    return (
        f"{resource.name} is exceeded at point {int(resource.capacity.argmin())} "
        "even when everything takes the least it can"
    )


def _total(points: int, start: Labels, stop: Labels, amounts: Floats) -> Floats:
    """[point]: the sum of amounts over the intervals that cover it."""
    step = np.zeros(points + 1)
    np.add.at(step, start, amounts)
    np.subtract.at(step, stop, amounts)
    total: Floats = np.cumsum(step)[:-1]
    return total


def _is_dominated(capacity: Floats, start: Labels, stop: Labels) -> Bools:
    """[point]: whether another point's uses include this one's under no larger capacity."""
    points = len(capacity)
    first = -_covering_least(points, start, stop, -start, 0)
    end = _covering_least(points, start, stop, stop, points)
    live = _total(points, start, stop, np.ones(len(start)))
    order = np.lexsort((np.arange(points), -live, capacity))
    rank = np.empty(points, dtype=np.intp)
    rank[order] = np.arange(points)
    dominated: Bools = _range_least(rank, first, end) != rank
    return dominated


def _covering_least(
    points: int, start: Labels, stop: Labels, values: Labels, without: int
) -> Labels:
    """[point]: the least value among the intervals that cover it, `without` if none does.

    Each interval is written to the two blocks of 2**k points whose union it is; then the blocks
    are halved from the longest down.
    """
    level = np.frexp(stop - start)[1] - 1
    blocks = np.full((int(level.max()) + 1, points), without, dtype=np.intp)
    np.minimum.at(blocks, (level, start), values)
    np.minimum.at(blocks, (level, stop - (1 << level)), values)
    for k in range(len(blocks) - 1, 0, -1):
        half = 1 << (k - 1)
        np.minimum(blocks[k - 1], blocks[k], out=blocks[k - 1])
        np.minimum(blocks[k - 1, half:], blocks[k, :-half], out=blocks[k - 1, half:])
    covered: Labels = blocks[0]
    return covered


def _range_least(values: Labels, first: Labels, end: Labels) -> Labels:
    """The least of values[first:end], for arrays of non-empty ranges: a sparse table."""
    level = np.frexp(end - first)[1] - 1
    found = np.empty(len(first), dtype=np.intp)
    blocks = values
    for k in range(int(level.max()) + 1):
        here = level == k
        found[here] = np.minimum(blocks[first[here]], blocks[end[here] - (1 << k)])
        half = 1 << k
        blocks = np.minimum(blocks[:-half], blocks[half:])
    return found
