"""A problem in which every node follows another one: the common part of several passes.

Statement: let every node v have a leader r(v), itself its own leader, and a map c_v from the
strategies of r(v) in the smaller problem to strategies of v. If some selection of least value has
x_v = c_v[y_r(v)] for some y, then putting c_v[y_r(v)] for x_v in every term of the objective and
of every constraint gives a problem in y of the same least value.

Proof: term by term the new problem's value of y *is* the given problem's value of x, so every y is
as good as its x, and by assumption an optimal x is among them.

A pass that uses this has to prove the assumption only. Dropping strategies is the case r(v) = v
with c_v the kept strategies; contracting equal layouts is the case of c_v a function of another
node. Uses of one node over the same interval are summed, and labels that no strategy holds go.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from solver.engine.problem import (
    Bools,
    Edge,
    EdgeUse,
    Floats,
    Labels,
    Node,
    NodeUse,
    Pin,
    Problem,
    Selection,
)
from solver.engine.reduce.flat import offsets
from solver.engine.reduce.step import Restore, Step

Choices = Sequence[Labels | None]
"""[node]: the map c_v, [strategy of the leader] -> strategy of v; None: the same strategy."""


def substitute(problem: Problem, leaders: Labels, choices: Choices) -> Step:
    """The problem in which node v takes `choices[v][k]` when its leader takes its k-th strategy.

    `leaders` is [node]; the leaders are the nodes of the new problem, in their old order.
    """
    kept = np.flatnonzero(leaders == np.arange(len(leaders)))
    number = np.empty(len(leaders), dtype=np.intp)
    number[kept] = np.arange(len(kept))
    onto = _onto(choices, [node.size for node in problem.nodes])
    follow = _Follow(number[leaders].tolist(), choices, onto)
    costs = follow.node_costs(problem.nodes, len(kept))
    moved = [follow.edge(edge) for edge in problem.edges]
    for edge, target in zip(problem.edges, moved, strict=True):
        if target is None:
            place = follow.places[edge.u]
            costs[place] = costs[place] + follow.inside(edge, edge.table)
    nodes = [problem.nodes[leader] for leader in kept]
    reduced = replace(
        problem,
        nodes=tuple(
            node if node.costs is cost else Node(node.name, cost)
            for node, cost in zip(nodes, costs, strict=True)
        ),
        edges=tuple(target.edge for target in moved if target is not None),
        node_uses=follow.node_uses(problem, moved),
        edge_uses=_edge_uses(problem, moved),
        pins=tuple(follow.pin(pin) for pin in problem.pins),
    )
    return Step(reduced, _restore(number[leaders], choices))


@dataclass(frozen=True, slots=True, eq=False)
class _Moved:
    """An edge of the new problem and which rows and columns of its old table it keeps."""

    edge: Edge
    rows: Labels | None
    columns: Labels | None

    def entries(self, table: Floats) -> Floats:
        """What is left of the old edge's table or amounts."""
        return _entries(table, self.rows, self.columns)


@dataclass(frozen=True, slots=True, eq=False)
class _Follow:
    """What becomes of nodes; all lists are [node]."""

    places: list[int]
    """The number of the leader in the new problem."""
    choices: Choices
    onto: list[bool]
    """Whether every strategy of the node is chosen by some strategy of the leader."""

    def through(self, node: int, values: Floats) -> Floats:
        """Values per strategy of the node, per strategy of its leader."""
        choice = self.choices[node]
        return values if choice is None else values[choice]

    def labels(self, node: int, labels: Labels) -> Labels:
        """Labels per strategy of the node, per strategy of its leader."""
        choice = self.choices[node]
        return labels if choice is None else labels[choice]

    def held(self, node: int, labels: Labels, count: int) -> tuple[Labels, Labels | None]:
        """The same renumbered so that each is held, and which of `count` these are (None: all)."""
        moved = self.labels(node, labels)
        if self.onto[node]:
            return moved, None
        held = np.zeros(count, dtype=bool)
        held[moved] = True
        return (np.cumsum(held) - 1)[moved], np.flatnonzero(held)

    def node_costs(self, nodes: Sequence[Node], count: int) -> list[Floats]:
        """Per node of the new problem, the costs of all that follow it."""
        costs: dict[int, Floats] = {}
        for v, node in enumerate(nodes):
            place, moved = self.places[v], self.through(v, node.costs)
            costs[place] = costs[place] + moved if place in costs else moved
        return [costs[place] for place in range(count)]

    def edge(self, edge: Edge) -> _Moved | None:
        """The edge between the leaders; None where both ends have the same."""
        u, v = self.places[edge.u], self.places[edge.v]
        if u == v:
            return None
        if self.choices[edge.u] is None and self.choices[edge.v] is None:
            return _Moved(Edge(u, v, edge.labels_u, edge.labels_v, edge.table), None, None)
        labels_u, rows = self.held(edge.u, edge.labels_u, edge.table.shape[0])
        labels_v, columns = self.held(edge.v, edge.labels_v, edge.table.shape[1])
        table = _entries(edge.table, rows, columns)
        return _Moved(Edge(u, v, labels_u, labels_v, table), rows, columns)

    def inside(self, edge: Edge, table: Floats) -> Floats:
        """Entries of an edge whose ends have one leader, per strategy of that leader."""
        rows = self.labels(edge.u, edge.labels_u)
        return table[rows, self.labels(edge.v, edge.labels_v)]

    def node_uses(self, problem: Problem, moved: list[_Moved | None]) -> tuple[NodeUse, ...]:
        """Uses of the leaders: those of their followers and of the edges among these, summed."""
        total: dict[tuple[int, int, int, int], Floats] = {}
        for use in problem.node_uses:
            key = (use.resource, use.start, use.stop, self.places[use.node])
            amounts = self.through(use.node, use.amounts)
            total[key] = total[key] + amounts if key in total else amounts
        for pair in problem.edge_uses:
            if moved[pair.edge] is None:
                edge = problem.edges[pair.edge]
                key = (pair.resource, pair.start, pair.stop, self.places[edge.u])
                amounts = self.inside(edge, pair.amounts)
                total[key] = total[key] + amounts if key in total else amounts
        return tuple(NodeUse(*key, amounts) for key, amounts in total.items())

    def pin(self, pin: Pin) -> Pin:
        """The pin over the leaders; one is marked where any follower is."""
        breaks: dict[int, Bools] = {}
        for node, mask in pin.breaks.items():
            choice, place = self.choices[node], self.places[node]
            moved = mask if choice is None else mask[choice]
            breaks[place] = breaks[place] | moved if place in breaks else moved
        return Pin(pin.name, breaks, pin.weight)


def _onto(choices: Choices, sizes: Sequence[int]) -> list[bool]:
    """[node]: whether the node's map reaches all of its strategies."""
    start = offsets(np.array(sizes, dtype=np.intp))
    reached = np.zeros(start[-1], dtype=bool)
    mapped = [v for v, choice in enumerate(choices) if choice is not None]
    chosen = [choice for choice in choices if choice is not None]
    counts = np.array([len(choice) for choice in chosen], dtype=np.intp)
    reached[np.concatenate([start[:0], *chosen]) + np.repeat(start[mapped], counts)] = True
    missed = offsets((~reached).astype(np.intp))
    onto: Bools = missed[start[1:]] == missed[start[:-1]]
    onto[[v for v, choice in enumerate(choices) if choice is None]] = True
    return [bool(whole) for whole in onto]


def _entries(table: Floats, rows: Labels | None, columns: Labels | None) -> Floats:
    if rows is not None:
        table = table[rows]
    return table if columns is None else table[:, columns]


def _edge_uses(problem: Problem, moved: list[_Moved | None]) -> tuple[EdgeUse, ...]:
    if not problem.edge_uses:
        return ()
    number = np.cumsum([target is not None for target in moved]) - 1
    return tuple(
        replace(pair, edge=int(number[pair.edge]), amounts=target.entries(pair.amounts))
        for pair in problem.edge_uses
        if (target := moved[pair.edge]) is not None
    )


def _restore(places: Labels, choices: Choices) -> Restore:
    mapped = [(v, choice) for v, choice in enumerate(choices) if choice is not None]

    def restore(selection: Selection) -> Selection:
        full = selection[places]
        for v, choice in mapped:
            full[v] = choice[full[v]]
        return full

    return restore
