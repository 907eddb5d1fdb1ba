"""The one internal form of a sharding problem: choose one strategy for every node.

Minimise

    sum of node costs + sum of edge costs + sum over broken soft pins of their weights
    + sum over soft resources of price * overflow

where no hard pin is broken, no forbidden (infinite) cost is met, and no hard resource is used
beyond its capacity at any point. `overflow` of a soft resource is the largest excess of its use
over its capacity among its points, zero if there is none. So a makespan over several rows is a soft
resource with capacity 0 and price 1 whose points are the rows, and a peak of memory is one whose
points are instants.

Both `.mmp` specs (`solver.sharding.lower`) and public instances (`solver.instance`) become this
value. Costs are floats; integers up to 2**53 and their sums are exact.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Labels = npt.NDArray[np.intp]
Bools = npt.NDArray[np.bool_]
Selection = npt.NDArray[np.intp]
"""[node]: the strategy chosen for every node."""


@dataclass(frozen=True, slots=True, eq=False)
class Node:
    """A choice among strategies; `costs` is [strategy], infinity where a strategy is forbidden."""

    name: str
    costs: Floats

    @property
    def size(self) -> int:
        """Number of strategies."""
        return len(self.costs)


@dataclass(frozen=True, slots=True, eq=False)
class Edge:
    """A pairwise cost between two different nodes.

    Strategy i of node `u` has the label `labels_u[i]`, likewise v; `table` is [label of u, label of
    v], infinity where the pair is forbidden. Every label is that of some strategy.
    """

    u: int
    v: int
    labels_u: Labels
    labels_v: Labels
    table: Floats

    def at(self, i: int, j: int) -> float:
        """The cost of strategy i of u with strategy j of v."""
        return float(self.table[self.labels_u[i], self.labels_v[j]])

    def turned(self) -> Edge:
        """The same edge from v to u."""
        return Edge(self.v, self.u, self.labels_v, self.labels_u, self.table.T)


@dataclass(frozen=True, slots=True, eq=False)
class NodeUse:
    """What a node takes of a resource at every point in [start, stop): `amounts` is [strategy]."""

    resource: int
    start: int
    stop: int
    node: int
    amounts: Floats


@dataclass(frozen=True, slots=True, eq=False)
class EdgeUse:
    """What a pair of labels of an edge takes of a resource at every point in [start, stop)."""

    resource: int
    start: int
    stop: int
    edge: int
    amounts: Floats


@dataclass(frozen=True, slots=True, eq=False)
class Resource:
    """`capacity` is [point]; `price` per unit of overflow, infinity for a hard capacity."""

    name: str
    capacity: Floats
    price: float = math.inf

    @property
    def is_hard(self) -> bool:
        """Whether the capacity must never be exceeded."""
        return math.isinf(self.price)


@dataclass(frozen=True, slots=True, eq=False)
class Pin:
    """Broken as soon as one node takes a strategy that `breaks[node]` marks ([strategy]).

    `weight` is paid once when it is broken; infinity for a hard pin.
    """

    name: str
    breaks: dict[int, Bools]
    weight: float = math.inf

    @property
    def is_hard(self) -> bool:
        """Whether the pin must hold."""
        return math.isinf(self.weight)


@dataclass(frozen=True, slots=True, eq=False)
class Problem:
    """Nodes, edges, uses, resources, pins; `constant` is added to every value.

    There may be several edges between two nodes, and several uses of one node and resource.
    """

    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...] = ()
    resources: tuple[Resource, ...] = ()
    node_uses: tuple[NodeUse, ...] = ()
    edge_uses: tuple[EdgeUse, ...] = ()
    pins: tuple[Pin, ...] = ()
    constant: float = 0.0

    @property
    def size(self) -> int:
        """Number of strategies and of cells of tables."""
        return sum(n.size for n in self.nodes) + sum(e.table.size for e in self.edges)


def identity(size: int) -> Labels:
    """The labels of a node whose strategies are all told apart."""
    return np.arange(size, dtype=np.intp)


def plain_edge(u: int, v: int, table: Floats) -> Edge:
    """An edge whose table is [strategy of u, strategy of v]."""
    return Edge(u, v, identity(table.shape[0]), identity(table.shape[1]), table)


def as_selection(strategies: Sequence[int]) -> Selection:
    """A selection from plain numbers."""
    return np.array(strategies, dtype=np.intp)
