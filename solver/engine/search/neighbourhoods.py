"""Which strategies a neighbourhood frees: one mask over all strategies each.

- `subgraph`: the nodes around one node.
- `window`: the nodes that share a point of a resource with little room, and their neighbours.
- `blocks`: the nodes around one node, and every node that is a copy of one of them, so that
  repeated layers can move together.
- `fusion`: all nodes, with the strategies that good selections have, and those that the lower bound
  makes likeliest.

Each is grown until its tables have about `budget` cells.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from solver.engine.problem import Bools, Floats
from solver.engine.relaxation.arrays import Arrays, Ints

BRANCHES = 60  # neighbours of one node that are looked at, chosen at random
KINDS = ("subgraph", "window", "blocks", "fusion")


@dataclass(frozen=True, slots=True, eq=False)
class View:
    """What neighbourhoods are chosen by.

    `chosen` and `room` are the incumbent's; `hard` [point] must have room; `likely` [strategy] may
    be in a better selection; `excess` [strategy] is by how much a bound rises with it; `prices`
    [point]; `pool` are good selections; `copies` [node] numbers alike nodes alike.
    """

    data: Arrays
    chosen: Ints
    room: Floats
    hard: Bools
    likely: Bools
    excess: Floats
    prices: Floats
    pool: Sequence[Ints]
    copies: Ints

    @property
    def widths(self) -> Ints:
        """[node]: number of likely strategies."""
        return np.add.reduceat(self.likely.astype(np.int64), self.data.graph.first[:-1])


def free(kind: str, view: View, budget: int, rng: np.random.Generator) -> Bools:
    """The strategies that a neighbourhood of this kind may use."""
    if kind == "fusion":
        return _fusion(view, budget, rng)
    order: Iterable[int]
    if kind == "window":
        order = _spread(view, _sharing_a_point(view, rng), rng)
    else:
        order = _spread(view, [_any_node(view, rng)], rng)
    if kind == "blocks":
        order = _with_copies(view, order)
    return _of_nodes(view, _within(view, order, budget))


def _any_node(view: View, rng: np.random.Generator) -> int:
    movable = np.flatnonzero(view.widths > 1)
    return int(rng.choice(movable)) if len(movable) else 0


def _sharing_a_point(view: View, rng: np.random.Generator) -> list[int]:
    """Nodes with uses at one point, drawn from those whose need is greatest."""
    weights = _need(view)
    point = int(rng.choice(len(weights), p=weights / weights.sum()))
    uses = view.data.node_uses
    there = uses.owner[(uses.start <= point) & (point < uses.stop)]
    nodes = np.unique(there[view.widths[there] > 1])
    return [int(n) for n in rng.permutation(nodes)]


def _need(view: View) -> Floats:
    """[point]: overflow where there must be none; without any, prices and little room."""
    overflow = np.where(view.hard, np.maximum(-view.room, 0.0), 0.0)
    if overflow.any():
        return np.asarray(overflow)
    capacity = np.maximum(np.abs(view.data.capacity), 1e-300)
    tight = np.exp(-20.0 * np.maximum(view.room, 0.0) / capacity) + 1e-12
    total = float(view.prices.sum())
    return np.asarray(tight / tight.sum() + (view.prices / total if total > 0 else 0.0))


def _spread(view: View, starts: list[int], rng: np.random.Generator) -> Iterator[int]:
    """Nodes by distance from the starts, which come first."""
    g = view.data.graph
    seen = set(starts)
    queue = list(starts)
    head = 0
    while head < len(queue):
        node = queue[head]
        head += 1
        yield node
        edges = g.touching[g.touch_at[node] : g.touch_at[node + 1]]
        ends = np.where(g.u[edges] == node, g.v[edges], g.u[edges])
        for other in rng.permutation(ends)[:BRANCHES]:
            if int(other) not in seen:
                seen.add(int(other))
                queue.append(int(other))


def _with_copies(view: View, order: Iterable[int]) -> Iterator[int]:
    done: set[int] = set()
    for node in order:
        number = int(view.copies[node])
        if number not in done:
            done.add(number)
            yield from (int(n) for n in np.flatnonzero(view.copies == number))


def _within(view: View, order: Iterable[int], budget: int) -> list[int]:
    """The first nodes whose strategies and tables stay within the budget; larger ones are passed
    over, and the search for smaller ones ends soon after."""
    g, widths = view.data.graph, view.widths
    inside: set[int] = set()
    total = passed = 0
    for node in order:
        if widths[node] < 2:
            continue
        cells = int(widths[node])
        for e in g.touching[g.touch_at[node] : g.touch_at[node + 1]]:
            other = int(g.v[e] if g.u[e] == node else g.u[e])
            if other in inside:
                cells += min(int(widths[node] * widths[other]), int(g.rows[e]) * int(g.columns[e]))
        if total + cells > budget:
            passed += 1
            if passed > 30:
                break
            continue
        total += cells
        inside.add(node)
    return sorted(inside)


def _of_nodes(view: View, nodes: list[int]) -> Bools:
    mask = np.zeros(len(view.likely), dtype=np.bool_)
    first = view.data.graph.first
    for node in nodes:
        mask[first[node] : first[node + 1]] = view.likely[first[node] : first[node + 1]]
    return mask


def _fusion(view: View, budget: int, rng: np.random.Generator) -> Bools:
    """Strategies of the pool, and those of least excess that the budget has room for."""
    first = view.data.graph.first[:-1]
    base = np.zeros(len(view.likely), dtype=np.bool_)
    members = list(view.pool)
    rng.shuffle(members)
    for member in members:
        wider = base.copy()
        wider[first + member] = True
        if cells(view.data, wider) > budget:
            break
        base = wider
    levels = np.unique(view.excess[view.likely])
    low, high = 0, len(levels) - 1
    best = base
    while low <= high:
        middle = (low + high) // 2
        wider = base | (view.likely & (view.excess <= levels[middle]))
        if cells(view.data, wider) <= budget:
            best, low = wider, middle + 1
        else:
            high = middle - 1
    return best


def cells(data: Arrays, mask: Bools) -> int:
    """Strategies and cells of tables between nodes that a mask leaves a choice."""
    g = data.graph
    widths = np.add.reduceat(mask.astype(np.int64), g.first[:-1])
    both = (widths[g.u] > 1) & (widths[g.v] > 1)
    tables = np.minimum(widths[g.u] * widths[g.v], g.rows * g.columns)
    return int(tables[both].sum()) + int(widths[widths > 1].sum())


def copies_of(data: Arrays) -> Ints:
    """[node]: equal numbers for nodes with equal costs and equal amounts of their uses: the same
    operator in repeated layers."""
    first = data.graph.first
    numbers: dict[object, int] = {}
    looks = [
        (data.costs[a:b].tobytes(), tuple(sorted(_amounts(data, node))))
        for node, (a, b) in enumerate(pairwise(first.tolist()))
    ]
    return np.array([numbers.setdefault(x, len(numbers)) for x in looks], dtype=np.int64)


def _amounts(data: Arrays, node: int) -> Iterator[bytes]:
    uses = data.node_uses
    for p in range(uses.at[node], uses.at[node + 1]):
        yield uses.amounts[uses.amount_at[p] : uses.amount_at[p + 1]].tobytes()
