"""A problem from which nodes are taken one by one, their choice to follow from that of others.

Used by the passes that eliminate nodes (`leaves`, `series`). A node that goes leaves behind its
cost and uses at its neighbours; uses that do not depend on any choice are subtracted from the
capacity at their points, which leaves use - capacity unchanged (exact for whole numbers up to
2**53).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from solver.engine.problem import (
    Edge,
    EdgeUse,
    Floats,
    Node,
    NodeUse,
    Pin,
    Problem,
    Resource,
    Selection,
)
from solver.engine.reduce.step import Step

Span = tuple[int, int, int]
"""Resource, start and stop."""

Choose = Callable[[Selection], int]
"""The strategy of a node that has gone, from a selection in which its neighbours are set."""


class Draft:
    """The state of an elimination: costs, edges and uses by node; strategies are not renumbered.

    `costs` is [node]; `edges` has the edges that are left by their number, `around` is [node]: the
    numbers of its edges, in order; `uses` is [node]: amounts by span; `edge_uses` is by edge.
    """

    def __init__(self, problem: Problem) -> None:
        self._problem = problem
        self._steps = [np.zeros(len(resource.capacity) + 1) for resource in problem.resources]
        self._gone: dict[int, Choose] = {}
        self._next_edge = len(problem.edges)
        self.constant = problem.constant
        self.costs: list[Floats] = [node.costs for node in problem.nodes]
        self.edges: dict[int, Edge] = dict(enumerate(problem.edges))
        self.around: list[dict[int, None]] = [{} for _ in problem.nodes]
        self.uses: list[dict[Span, Floats]] = [{} for _ in problem.nodes]
        self.edge_uses: dict[int, list[EdgeUse]] = {}
        self.pinned = {node for pin in problem.pins for node in pin.breaks}
        for number, edge in self.edges.items():
            self.around[edge.u][number] = self.around[edge.v][number] = None
        for use in problem.node_uses:
            self._add_use(use.node, (use.resource, use.start, use.stop), use.amounts)
        for pair in problem.edge_uses:
            self.edge_uses.setdefault(pair.edge, []).append(pair)

    def name(self, node: int) -> str:
        """The name of a node."""
        return self._problem.nodes[node].name

    def may_go(self, node: int) -> bool:
        """Whether a node is still there and no pin names it."""
        return node not in self._gone and node not in self.pinned

    def edge_from(self, number: int, node: int) -> Edge:
        """An edge, turned so that its u is the given node."""
        edge = self.edges[number]
        return edge if edge.u == node else edge.turned()

    def take(self, span: Span, amount: float) -> None:
        """Subtract an amount that is used whatever is chosen from the capacities of a span."""
        resource, start, stop = span
        self._steps[resource][start] += amount
        self._steps[resource][stop] -= amount

    def move_use(self, node: int, span: Span, amounts: Floats) -> None:
        """Give a node the use of one that goes: `amounts` is [strategy of the node]."""
        if (amounts == amounts[0]).all():
            self.take(span, float(amounts[0]))
        else:
            self._add_use(node, span, amounts)

    def add_edge(self, edge: Edge) -> None:
        """Put in an edge between nodes that are left."""
        self.edges[self._next_edge] = edge
        self.around[edge.u][self._next_edge] = self.around[edge.v][self._next_edge] = None
        self._next_edge += 1

    def remove(self, node: int, choose: Choose) -> None:
        """Take a node out, with its edges and all uses."""
        for number in list(self.around[node]):
            edge = self.edges.pop(number)
            self.edge_uses.pop(number, None)
            del self.around[edge.u][number], self.around[edge.v][number]
        self.uses[node] = {}
        self._gone[node] = choose

    def step(self) -> Step | None:
        """The problem that is left and the way back; None when no node has gone."""
        if not self._gone:
            return None
        left = [n for n in range(len(self.costs)) if n not in self._gone]
        return Step(self._reduced(left), lambda selection: self._restored(selection, left))

    def _add_use(self, node: int, span: Span, amounts: Floats) -> None:
        mine = self.uses[node]
        mine[span] = mine[span] + amounts if span in mine else amounts

    def _restored(self, selection: Selection, left: list[int]) -> Selection:
        full = np.zeros(len(self.costs), dtype=np.intp)
        full[left] = selection
        for node, choose in reversed(self._gone.items()):
            full[node] = choose(full)
        return full

    def _reduced(self, left: list[int]) -> Problem:
        place = {node: k for k, node in enumerate(left)}
        edge_place = {number: k for k, number in enumerate(self.edges)}
        return Problem(
            tuple(Node(self.name(node), self.costs[node]) for node in left),
            tuple(
                Edge(place[e.u], place[e.v], e.labels_u, e.labels_v, e.table)
                for e in self.edges.values()
            ),
            tuple(
                Resource(old.name, old.capacity - np.cumsum(step)[:-1], old.price)
                for old, step in zip(self._problem.resources, self._steps, strict=True)
            ),
            tuple(
                NodeUse(*span, place[node], amounts)
                for node in left
                for span, amounts in self.uses[node].items()
            ),
            tuple(
                EdgeUse(use.resource, use.start, use.stop, edge_place[number], use.amounts)
                for number, uses in self.edge_uses.items()
                for use in uses
            ),
            tuple(
                Pin(pin.name, {place[n]: mask for n, mask in pin.breaks.items()}, pin.weight)
                for pin in self._problem.pins
            ),
            self.constant,
        )
