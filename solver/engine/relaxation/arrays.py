"""A `Problem` as flat arrays, for compiled loops.

All resources share one axis of points, resource after resource. Ragged tables lie one after another
in one array, each with the offset where it starts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from solver.engine.problem import Edge, EdgeUse, Floats, Labels, NodeUse, Problem

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Graph:
    """Nodes and edges.

    Strategies of node i: [first[i], first[i + 1]) of every array over strategies. Edge e is between
    `u[e]` and `v[e]`, has `rows[e]` x `columns[e]` labels, its table from `table_at[e]` (several
    may have the same one), its messages to u and v from `to_u_at[e]`, `to_v_at[e]`; the label of
    strategy k of u is `labels_u[labels_u_at[e] + k]`. Edges at node i:
    `touching[touch_at[i] : touch_at[i + 1]]`.
    """

    first: Ints
    u: Ints
    v: Ints
    rows: Ints
    columns: Ints
    table_at: Ints
    to_u_at: Ints
    to_v_at: Ints
    labels_u: Ints
    labels_u_at: Ints
    labels_v: Ints
    labels_v_at: Ints
    touching: Ints
    touch_at: Ints

    @property
    def count(self) -> int:
        """Number of nodes."""
        return len(self.first) - 1


@dataclass(frozen=True, slots=True, eq=False)
class Uses:
    """Uses of nodes, ordered by node, or of edges, by edge.

    Use p is of node (or edge) `owner[p]` over points [start[p], stop[p]), with its amounts from
    `amount_at[p]`; those of node i are [at[i], at[i + 1]).
    """

    owner: Ints
    start: Ints
    stop: Ints
    amounts: Floats
    amount_at: Ints
    at: Ints


@dataclass(frozen=True, slots=True, eq=False)
class Arrays:
    """`costs` is [strategy], `tables` all edge tables (infinity: forbidden), `capacity` [point];
    points of resource r are [resource_at[r], resource_at[r + 1])."""

    graph: Graph
    costs: Floats
    tables: Floats
    capacity: Floats
    resource_at: Ints
    node_uses: Uses
    edge_uses: Uses
    constant: float


def arrays(problem: Problem) -> Arrays:
    """The flat form; the problem must have no pins (`solver.engine.reduce.pins`)."""
    assert not problem.pins
    sizes = [node.size for node in problem.nodes]
    points = [len(r.capacity) for r in problem.resources]
    resource_at = _offsets(points)
    own = graph(sizes, problem.edges)
    tables = [edge.table for edge in problem.edges]
    if not problem.edge_uses:  # with them, prices make tables differ
        number, tables = _distinct(tables)
        own = replace(own, table_at=_offsets([table.size for table in tables])[number])
    return Arrays(
        own,
        _joined([node.costs for node in problem.nodes]),
        _joined([table.ravel() for table in tables]),
        _joined([r.capacity for r in problem.resources]),
        resource_at,
        _uses(problem.node_uses, [x.node for x in problem.node_uses], len(sizes), resource_at),
        _uses(
            problem.edge_uses, [x.edge for x in problem.edge_uses], len(problem.edges), resource_at
        ),
        problem.constant,
    )


def graph(sizes: Sequence[int], edges: Sequence[Edge]) -> Graph:
    """The shape of a graph whose nodes have these numbers of strategies."""
    u = _ints([edge.u for edge in edges])
    v = _ints([edge.v for edge in edges])
    rows = _ints([edge.table.shape[0] for edge in edges])
    columns = _ints([edge.table.shape[1] for edge in edges])
    both = np.concatenate([u, v])
    order = np.argsort(both, kind="stable")
    numbers = np.tile(np.arange(len(edges), dtype=np.int64), 2)
    return Graph(
        _offsets(sizes),
        u,
        v,
        rows,
        columns,
        _offsets(rows * columns),
        _offsets(rows),
        _offsets(columns),
        _joined_labels([edge.labels_u for edge in edges]),
        _offsets([len(edge.labels_u) for edge in edges]),
        _joined_labels([edge.labels_v for edge in edges]),
        _offsets([len(edge.labels_v) for edge in edges]),
        numbers[order],
        np.searchsorted(both[order], np.arange(len(sizes) + 1)).astype(np.int64),
    )


def _distinct(tables: Sequence[Floats]) -> tuple[Ints, list[Floats]]:
    """[table] its number among the distinct objects, and those."""
    numbers: dict[int, int] = {}
    number = [numbers.setdefault(id(table), len(numbers)) for table in tables]
    first = dict(reversed([(k, table) for k, table in zip(number, tables, strict=True)]))
    return _ints(number), [first[k] for k in range(len(numbers))]


def _uses(
    uses: Sequence[NodeUse | EdgeUse], owners: Sequence[int], count: int, resource_at: Ints
) -> Uses:
    order = np.argsort(_ints(owners), kind="stable")
    ordered = [uses[k] for k in order]
    shift = resource_at[_ints([x.resource for x in ordered])]
    owner = _ints(owners)[order]
    return Uses(
        owner,
        _ints([x.start for x in ordered]) + shift,
        _ints([x.stop for x in ordered]) + shift,
        _joined([x.amounts.ravel() for x in ordered]),
        _offsets([x.amounts.size for x in ordered]),
        np.searchsorted(owner, np.arange(count + 1)).astype(np.int64),
    )


def _ints(values: Sequence[int]) -> Ints:
    return np.asarray(values, dtype=np.int64)


def _offsets(counts: Sequence[int] | Ints) -> Ints:
    return np.concatenate([[0], np.cumsum(counts, dtype=np.int64)]).astype(np.int64)


def _joined(parts: Sequence[Floats]) -> Floats:
    return np.concatenate(parts).astype(np.float64) if parts else np.zeros(0)


def _joined_labels(parts: Sequence[Labels]) -> Ints:
    return np.concatenate(parts).astype(np.int64) if parts else np.zeros(0, dtype=np.int64)
