"""A problem with most nodes fixed: what a neighbourhood hands to CP-SAT.

Free nodes keep some of their strategies; every other node keeps its choice. Costs towards fixed
nodes become node costs, fixed uses shrink the capacities, and points between which no free node
starts or stops a use become one point with the least room.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from solver.engine.problem import (
    Bools,
    Edge,
    EdgeUse,
    Floats,
    Labels,
    Node,
    NodeUse,
    Problem,
    Resource,
    Selection,
    as_selection,
)
from solver.engine.relaxation.arrays import Arrays, Ints


@dataclass(frozen=True, slots=True, eq=False)
class Restricted:
    """The problem of the free nodes; `kept[n]` are the strategies left to its node n, and `hint`
    what the known selection has there."""

    problem: Problem
    free: Ints
    kept: tuple[Ints, ...]
    hint: Selection

    def widen(self, chosen: Ints, found: Selection) -> Ints:
        """The selection of all nodes: `chosen`, but `found` where nodes were free."""
        full = chosen.copy()
        for node, kept, k in zip(self.free, self.kept, found, strict=True):
            full[node] = kept[k]
        return full


def restricted(
    problem: Problem, data: Arrays, chosen: Ints, used: Floats, allowed: Bools, price: float
) -> Restricted:
    """The problem of all nodes that `allowed` ([strategy]) leaves more than their choice.

    `used` is [point] under `chosen`. Hard capacities become soft ones at `price` unless it is
    infinite.
    """
    return _Restriction(problem, data, chosen, used, allowed, price).build()


class _Restriction:
    def __init__(
        self,
        problem: Problem,
        data: Arrays,
        chosen: Ints,
        used: Floats,
        allowed: Bools,
        price: float,
    ) -> None:
        self.problem, self.data, self.chosen, self.price = problem, data, chosen, price
        self.allowed = allowed.copy()
        first = data.graph.first
        self.allowed[first[:-1] + chosen] = True
        free = np.flatnonzero(np.add.reduceat(self.allowed, first[:-1]) > 1)
        self.free = free.astype(np.int64)
        self.place = {int(node): n for n, node in enumerate(free)}
        self.kept = tuple(
            np.flatnonzero(self.allowed[first[node] : first[node + 1]]) for node in free
        )
        self.costs = [
            problem.nodes[node].costs[kept] for node, kept in zip(free, self.kept, strict=True)
        ]
        self.base = np.append(used, 0.0)  # what remains used when the free nodes are taken out
        self.base[1:] -= used
        self.node_uses: list[NodeUse] = []
        self.edges: list[Edge] = []
        self.edge_uses: list[EdgeUse] = []

    def build(self) -> Restricted:
        self._add_node_uses()
        self._add_edges()
        at = self.data.resource_at
        base = np.cumsum(self.base)[:-1]
        resources = [
            self._resource(number, base[at[number] : at[number + 1]])
            for number in range(len(self.problem.resources))
        ]
        made = Problem(
            tuple(
                Node(self.problem.nodes[n].name, c)
                for n, c in zip(self.free, self.costs, strict=True)
            ),
            tuple(self.edges),
            tuple(resources),
            tuple(self.node_uses),
            tuple(self.edge_uses),
        )
        hint = as_selection(
            [
                int(np.searchsorted(kept, self.chosen[node]))
                for node, kept in zip(self.free, self.kept, strict=True)
            ]
        )
        return Restricted(made, self.free, self.kept, hint)

    def _add_node_uses(self) -> None:
        uses, at = self.data.node_uses, self.data.resource_at
        for n, node in enumerate(self.free):
            for p in range(uses.at[node], uses.at[node + 1]):
                amounts = uses.amounts[uses.amount_at[p] : uses.amount_at[p + 1]]
                resource = int(np.searchsorted(at, uses.start[p], side="right")) - 1
                start, stop = int(uses.start[p] - at[resource]), int(uses.stop[p] - at[resource])
                self._take(resource, start, stop, float(amounts[self.chosen[node]]))
                self.node_uses.append(NodeUse(resource, start, stop, n, amounts[self.kept[n]]))

    def _take(self, resource: int, start: int, stop: int, amount: float) -> None:
        shift = int(self.data.resource_at[resource])
        self.base[start + shift] -= amount
        self.base[stop + shift] += amount

    def _add_edges(self) -> None:
        g = self.data.graph
        seen: set[int] = set()
        for node in self.free:
            for e in g.touching[g.touch_at[node] : g.touch_at[node + 1]]:
                number = int(e)
                if number not in seen:
                    seen.add(number)
                    self._add_edge(number)

    def _add_edge(self, number: int) -> None:
        edge = self.problem.edges[number]
        u, v = self.place.get(edge.u), self.place.get(edge.v)
        if u is None or v is None:
            self._add_half(number, edge if u is not None else edge.turned(), u is None)
            return
        rows, labels_u = _labels(edge.labels_u[self.kept[u]])
        columns, labels_v = _labels(edge.labels_v[self.kept[v]])
        cells = np.ix_(rows, columns)
        for use in self._edge_uses(number):
            taken = float(self._amount(use, edge))
            self._take(use.resource, use.start, use.stop, taken)
            self.edge_uses.append(
                EdgeUse(use.resource, use.start, use.stop, len(self.edges), use.amounts[cells])
            )
        self.edges.append(Edge(u, v, labels_u, labels_v, edge.table[cells]))

    def _add_half(self, number: int, edge: Edge, is_turned: bool) -> None:
        """An edge whose u is free and whose v keeps its choice."""
        n = self.place[edge.u]
        column = edge.labels_v[self.chosen[edge.v]]
        labels = edge.labels_u[self.kept[n]]
        self.costs[n] = self.costs[n] + edge.table[labels, column]
        for use in self._edge_uses(number):
            amounts = use.amounts.T if is_turned else use.amounts
            taken = amounts[edge.labels_u[self.chosen[edge.u]], column]
            self._take(use.resource, use.start, use.stop, float(taken))
            self.node_uses.append(
                NodeUse(use.resource, use.start, use.stop, n, amounts[labels, column])
            )

    def _edge_uses(self, number: int) -> list[EdgeUse]:
        """The uses of an edge, as the problem has them."""
        uses, at, edge = self.data.edge_uses, self.data.resource_at, self.problem.edges[number]
        found = []
        for p in range(uses.at[number], uses.at[number + 1]):
            resource = int(np.searchsorted(at, uses.start[p], side="right")) - 1
            amounts = uses.amounts[uses.amount_at[p] : uses.amount_at[p + 1]]
            start, stop = int(uses.start[p] - at[resource]), int(uses.stop[p] - at[resource])
            found.append(EdgeUse(resource, start, stop, number, amounts.reshape(edge.table.shape)))
        return found

    def _amount(self, use: EdgeUse, edge: Edge) -> float:
        row = edge.labels_u[self.chosen[edge.u]]
        return float(use.amounts[row, edge.labels_v[self.chosen[edge.v]]])

    def _resource(self, number: int, base: Floats) -> Resource:
        """The resource with one point per stretch between starts and stops, and its uses moved."""
        old = self.problem.resources[number]
        room = old.capacity - base
        marks = {0} if len(room) else set()
        for taken in self.node_uses:
            if taken.resource == number:
                marks |= {taken.start, taken.stop}
        for pair in self.edge_uses:
            if pair.resource == number:
                marks |= {pair.start, pair.stop}
        starts = np.array(sorted(marks - {len(room)}), dtype=np.int64)
        price = self.price if old.is_hard else old.price
        if not len(starts):
            return Resource(old.name, room, price)
        self.node_uses = [
            NodeUse(number, *_moved(starts, use), use.node, use.amounts)
            if use.resource == number
            else use
            for use in self.node_uses
        ]
        self.edge_uses = [
            EdgeUse(number, *_moved(starts, use), use.edge, use.amounts)
            if use.resource == number
            else use
            for use in self.edge_uses
        ]
        least = np.minimum.reduceat(room, starts)
        if old.is_hard and math.isinf(self.price):
            least = np.maximum(least, self._noise(least, starts, number))
        return Resource(old.name, least, price)

    def _noise(self, least: Floats, starts: Ints, number: int) -> Floats:
        """What the known selection uses: it fits, whatever rounding said of sums of floats."""
        steps = np.zeros(len(starts) + 1)
        for use in self.node_uses:
            if use.resource == number:
                place = int(np.searchsorted(self.kept[use.node], self.chosen[self.free[use.node]]))
                steps[use.start] += use.amounts[place]
                steps[use.stop] -= use.amounts[place]
        for pair in self.edge_uses:
            if pair.resource == number:
                edge = self.edges[pair.edge]
                row, column = self._known(edge)
                steps[pair.start] += pair.amounts[row, column]
                steps[pair.stop] -= pair.amounts[row, column]
        used = np.cumsum(steps)[:-1]
        close = np.abs(used - least) <= 1e-9 * np.maximum(np.abs(used), np.abs(least))
        return np.where(close, used, least)

    def _known(self, edge: Edge) -> tuple[int, int]:
        k, j = (
            int(np.searchsorted(self.kept[n], self.chosen[self.free[n]])) for n in (edge.u, edge.v)
        )
        return int(edge.labels_u[k]), int(edge.labels_v[j])


def _labels(labels: Labels) -> tuple[Labels, Labels]:
    kept, numbered = np.unique(labels, return_inverse=True)
    return kept, numbered.reshape(-1).astype(np.intp)


def _moved(starts: Ints, use: NodeUse | EdgeUse) -> tuple[int, int]:
    return int(np.searchsorted(starts, use.start)), int(np.searchsorted(starts, use.stop))
