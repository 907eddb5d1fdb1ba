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

from dataclasses import dataclass

import numpy as np

from solver.engine.problem import EdgeUse, Floats, Labels, NodeUse, Problem, Resource
from solver.engine.reduce.step import Infeasible, Step


@dataclass(frozen=True, slots=True, eq=False)
class _Spans:
    """All uses as columns, each [use]: node uses first, then edge uses."""

    resource: Labels
    start: Labels
    stop: Labels
    least: Floats
    most: Floats


@dataclass(frozen=True, slots=True, eq=False)
class _Kept:
    """What is left of one resource: its points (old numbers) and their capacities."""

    points: Labels
    capacity: Floats
    constant: float


def live_sets(problem: Problem) -> Step | None:
    """Drop points and resources that never decide anything; selections stay as they are.

    Raises `Infeasible` when the least amounts alone exceed a hard capacity.
    """
    if not problem.resources:
        return None
    spans = _spans(problem)
    kept = [_keep(number, resource, spans) for number, resource in enumerate(problem.resources)]
    start, stop = _renumbered(spans, kept)
    stays = (start < stop) & (spans.most > spans.least)
    node_uses, edge_uses = _rebuilt(problem, spans, start, stop, stays, _new_numbers(kept))
    if _is_unchanged(problem, kept, spans, len(node_uses) + len(edge_uses)):
        return None
    resources = tuple(
        Resource(old.name, new.capacity, old.price)
        for old, new in zip(problem.resources, kept, strict=True)
        if len(new.points)
    )
    constant = problem.constant + sum(k.constant for k in kept)
    reduced = Problem(
        problem.nodes, problem.edges, resources, node_uses, edge_uses, problem.pins, constant
    )
    return Step(reduced, lambda selection: selection)


def _spans(problem: Problem) -> _Spans:
    uses: list[NodeUse | EdgeUse] = [*problem.node_uses, *problem.edge_uses]
    ranges = np.array([(u.resource, u.start, u.stop) for u in uses], dtype=np.intp).reshape(-1, 3)
    resource, start, stop = ranges.T
    if not uses:
        return _Spans(resource, start, stop, np.zeros(0), np.zeros(0))
    amounts = np.concatenate([use.amounts.ravel() for use in uses])
    ends = np.cumsum([use.amounts.size for use in uses])
    begins = np.concatenate([[0], ends[:-1]])
    least, most = np.minimum.reduceat(amounts, begins), np.maximum.reduceat(amounts, begins)
    return _Spans(resource, start, stop, least, most)


def _keep(number: int, resource: Resource, spans: _Spans) -> _Kept:
    """The points of one resource that can decide something (statements 1 to 4)."""
    points = len(resource.capacity)
    mine = spans.resource == number
    start, stop = spans.start[mine], spans.stop[mine]
    least, extra = spans.least[mine], (spans.most - spans.least)[mine]
    capacity = resource.capacity - _total(points, start, stop, least)
    if resource.is_hard and points and capacity.min() < 0:
        raise Infeasible(f"{resource.name} at point {int(capacity.argmin())}")
    moves = (extra > 0) & (start < stop)
    if not moves.any():
        excess = max(0.0, -float(capacity.min(initial=0.0)))
        constant = excess * resource.price if excess > 0 else 0.0
        return _Kept(np.zeros(0, dtype=np.intp), np.zeros(0), constant)
    can_bind = _total(points, start[moves], stop[moves], extra[moves]) > capacity
    chosen = np.flatnonzero(can_bind & ~_is_dominated(capacity, start[moves], stop[moves]))
    return _Kept(chosen, capacity[chosen], 0.0)


def _total(points: int, start: Labels, stop: Labels, amounts: Floats) -> Floats:
    """[point]: the sum of amounts over the intervals that cover it."""
    step = np.zeros(points + 1)
    np.add.at(step, start, amounts)
    np.subtract.at(step, stop, amounts)
    total: Floats = np.cumsum(step)[:-1]
    return total


def _is_dominated(capacity: Floats, start: Labels, stop: Labels) -> np.ndarray:
    """[point]: whether another point's uses include this one's under no larger capacity."""
    points = len(capacity)
    first = -_covering_least(points, start, stop, -start, 0)
    end = _covering_least(points, start, stop, stop, points)
    live = _total(points, start, stop, np.ones(len(start)))
    order = np.lexsort((np.arange(points), -live, capacity))
    rank = np.empty(points, dtype=np.intp)
    rank[order] = np.arange(points)
    dominated: np.ndarray = _range_least(rank, first, end) != rank
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


def _renumbered(spans: _Spans, kept: list[_Kept]) -> tuple[Labels, Labels]:
    """The intervals of all uses in the new numbers of the points."""
    start, stop = spans.start.copy(), spans.stop.copy()
    for number, left in enumerate(kept):
        mine = spans.resource == number
        start[mine] = np.searchsorted(left.points, start[mine])
        stop[mine] = np.searchsorted(left.points, stop[mine])
    return start, stop


def _new_numbers(kept: list[_Kept]) -> list[int]:
    """[old resource]: its new number (that of its successor if it goes)."""
    stays = [len(left.points) > 0 for left in kept]
    return [sum(stays[:number]) for number in range(len(stays))]


def _rebuilt(
    problem: Problem,
    spans: _Spans,
    start: Labels,
    stop: Labels,
    stays: np.ndarray,
    numbers: list[int],
) -> tuple[tuple[NodeUse, ...], tuple[EdgeUse, ...]]:
    """The uses that stay, over their new points, less their least amounts; equal ones summed."""
    split = len(problem.node_uses)
    sums: dict[tuple[bool, int, int, int, int], Floats] = {}
    starts, stops, least = start.tolist(), stop.tolist(), spans.least.tolist()
    for k in np.flatnonzero(stays).tolist():
        on_edge = k >= split
        use: NodeUse | EdgeUse = problem.edge_uses[k - split] if on_edge else problem.node_uses[k]
        owner = use.edge if isinstance(use, EdgeUse) else use.node
        amounts = use.amounts - least[k] if least[k] else use.amounts
        key = (on_edge, numbers[use.resource], starts[k], stops[k], owner)
        sums[key] = sums[key] + amounts if key in sums else amounts
    return (
        tuple(NodeUse(*key[1:], amounts) for key, amounts in sums.items() if not key[0]),
        tuple(EdgeUse(*key[1:], amounts) for key, amounts in sums.items() if key[0]),
    )


def _is_unchanged(problem: Problem, kept: list[_Kept], spans: _Spans, uses: int) -> bool:
    return (
        uses == len(problem.node_uses) + len(problem.edge_uses)
        and not spans.least.any()
        and all(
            0 < len(left.points) == len(old.capacity)
            for left, old in zip(kept, problem.resources, strict=True)
        )
    )
