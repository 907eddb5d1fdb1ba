"""Points of resources: keep some of them, as every pass that drops points does in the end."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np

from solver.engine.problem import EdgeUse, Floats, Labels, NodeUse, Problem, Resource
from solver.engine.reduce.flat import offsets


def keep_points(problem: Problem, chosen: Sequence[Labels]) -> Problem:
    """The problem with only the points `chosen[resource]` (ascending).

    Resources without points go. Uses get the new numbers of their points, vanish where none is
    left, and are summed when they are of one node (or edge) over the same points.
    """
    stays = [len(points) > 0 for points in chosen]
    numbers = [sum(stays[:k]) for k in range(len(stays))]
    nodes = _summed(
        (numbers[use.resource], start, stop, use.node, use.amounts)
        for use, (start, stop) in zip(
            problem.node_uses, _spans(problem.node_uses, chosen), strict=True
        )
    )
    edges = _summed(
        (numbers[use.resource], start, stop, use.edge, use.amounts)
        for use, (start, stop) in zip(
            problem.edge_uses, _spans(problem.edge_uses, chosen), strict=True
        )
    )
    resources = tuple(
        Resource(old.name, old.capacity[points], old.price)
        for old, points in zip(problem.resources, chosen, strict=True)
        if len(points)
    )
    return replace(
        problem,
        resources=resources,
        node_uses=tuple(NodeUse(*key, amounts) for key, amounts in nodes.items()),
        edge_uses=tuple(EdgeUse(*key, amounts) for key, amounts in edges.items()),
    )


def least_and_most(uses: Sequence[NodeUse | EdgeUse]) -> tuple[Floats, Floats]:
    """The least and the largest amount of every use, each [use]."""
    if not uses:
        return np.zeros(0), np.zeros(0)
    amounts = np.concatenate([use.amounts.ravel() for use in uses])
    first = offsets(np.array([use.amounts.size for use in uses]))[:-1]
    return np.minimum.reduceat(amounts, first), np.maximum.reduceat(amounts, first)


def _spans(uses: Sequence[NodeUse | EdgeUse], chosen: Sequence[Labels]) -> list[tuple[int, int]]:
    """The new start and stop of every use."""
    spans = np.array([(use.resource, use.start, use.stop) for use in uses], dtype=np.intp)
    spans = spans.reshape(-1, 3)
    for number, points in enumerate(chosen):
        mine = spans[:, 0] == number
        spans[mine, 1:] = np.searchsorted(points, spans[mine, 1:])
    return [(start, stop) for _, start, stop in spans.tolist()]


def _summed(
    uses: Iterable[tuple[int, int, int, int, Floats]],
) -> dict[tuple[int, int, int, int], Floats]:
    """Amounts by (resource, start, stop, node or edge), without empty spans."""
    sums: dict[tuple[int, int, int, int], Floats] = {}
    for resource, start, stop, owner, amounts in uses:
        if start < stop:
            key = (resource, start, stop, owner)
            sums[key] = sums[key] + amounts if key in sums else amounts
    return sums
