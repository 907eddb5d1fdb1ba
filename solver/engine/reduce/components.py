"""Split a problem into parts that do not influence each other, and join their selections.

Two nodes belong together when an edge joins them, a pin names both, both use a common point of a
hard resource, or both use the same soft resource. The parts are the connected components.

*Proof.* Every edge, every pin and every soft resource then lies within one part, so the value is
the sum of the parts' values, and at each point of a hard resource only nodes of one part use
anything, so its capacity holds in the whole exactly when it holds in every part. So the optimum is
the sum of the optima, and the whole is infeasible exactly when a part is.

A hard resource whose users fall into several parts is given to each of them with all its points (a
point that a part does not use only says that 0 fits, which is said of the whole as well). The
constant, resources without users and pins without nodes go to the first part.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from solver.engine.problem import Edge, EdgeUse, Labels, NodeUse, Pin, Problem, Selection


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """A problem of its own; `nodes` is [node of the part]: its number in the whole, ascending."""

    problem: Problem
    nodes: Labels


def split(problem: Problem) -> list[Part]:
    """The parts, in the order of their first nodes; the problem itself if it is connected."""
    groups = _components(problem)
    if len(groups) < 2:
        return [Part(problem, np.arange(len(problem.nodes)))]
    return _parts(problem, groups)


def join(parts: Sequence[Part], selections: Sequence[Selection]) -> Selection:
    """The selection of the whole from one of every part."""
    whole = np.zeros(sum(len(part.nodes) for part in parts), dtype=np.intp)
    for part, selection in zip(parts, selections, strict=True):
        whole[part.nodes] = selection
    return whole


def _components(problem: Problem) -> list[list[int]]:
    import networkx as nx

    graph: nx.Graph[int] = nx.Graph()
    graph.add_nodes_from(range(len(problem.nodes)))
    graph.add_edges_from((edge.u, edge.v) for edge in problem.edges)
    for pin in problem.pins:
        graph.add_edges_from(pairwise(pin.breaks))
    graph.add_edges_from(_rivals(problem))
    return [sorted(group) for group in nx.connected_components(graph)]


def _rivals(problem: Problem) -> Iterator[tuple[int, int]]:
    """Pairs of nodes that compete for a resource, enough of them to connect all that do.

    Intervals are met in the order of their starts. One that starts before the latest stop so far
    shares a point with the interval that has it; by induction all intervals since the last gap are
    connected, so a link to the one before is enough. For a soft resource there are no gaps.
    """
    spans = [(use.resource, use.start, use.stop, use.node) for use in problem.node_uses]
    for use in problem.edge_uses:
        spans.append((use.resource, use.start, use.stop, problem.edges[use.edge].u))
    spans = sorted(span for span in spans if span[1] < span[2])
    latest = 0
    for before, span in pairwise(spans):
        resource, start, _, node = span
        if before[0] != resource:
            latest = 0
            continue
        latest = max(latest, before[2])
        if start < latest or not problem.resources[resource].is_hard:
            yield before[3], node


@dataclass(slots=True)
class _Draft:
    """What belongs to one part; nodes, edges and resources already have the part's numbers."""

    nodes: list[int]
    resources: dict[int, int]
    edges: list[Edge]
    node_uses: list[NodeUse]
    edge_uses: list[EdgeUse]
    pins: list[Pin]

    def resource(self, number: int) -> int:
        """The part's number of a resource of the whole, given on first use."""
        return self.resources.setdefault(number, len(self.resources))


def _parts(problem: Problem, groups: list[list[int]]) -> list[Part]:
    drafts = [_Draft(group, {}, [], [], [], []) for group in groups]
    owner = {node: draft for draft in drafts for node in draft.nodes}
    place = {node: k for draft in drafts for k, node in enumerate(draft.nodes)}
    edge_place = []
    for edge in problem.edges:
        draft = owner[edge.u]
        edge_place.append(len(draft.edges))
        draft.edges.append(replace(edge, u=place[edge.u], v=place[edge.v]))
    for use in problem.node_uses:
        draft = owner[use.node]
        number = draft.resource(use.resource)
        draft.node_uses.append(replace(use, resource=number, node=place[use.node]))
    for pair in problem.edge_uses:
        draft = owner[problem.edges[pair.edge].u]
        number = draft.resource(pair.resource)
        draft.edge_uses.append(replace(pair, resource=number, edge=edge_place[pair.edge]))
    for pin in problem.pins:
        draft = owner[next(iter(pin.breaks), drafts[0].nodes[0])]
        breaks = {place[node]: mask for node, mask in pin.breaks.items()}
        draft.pins.append(replace(pin, breaks=breaks))
    used = {number for draft in drafts for number in draft.resources}
    for number in range(len(problem.resources)):
        if number not in used:
            drafts[0].resource(number)
    return [
        _finished(problem, draft, 0.0 if k else problem.constant) for k, draft in enumerate(drafts)
    ]


def _finished(problem: Problem, draft: _Draft, constant: float) -> Part:
    part = Problem(
        tuple(problem.nodes[node] for node in draft.nodes),
        tuple(draft.edges),
        tuple(problem.resources[number] for number in draft.resources),
        tuple(draft.node_uses),
        tuple(draft.edge_uses),
        tuple(draft.pins),
        constant,
    )
    return Part(part, np.array(draft.nodes, dtype=np.intp))
