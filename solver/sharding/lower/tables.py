"""What a lowering needs and no pattern of stages changes: strategies, labels and tables of the
domain, storage options that can matter.

A storage option is left out when another one of the same used layout costs no more of anything:
time, bytes kept, bytes gathered, bytes exchanged. Every objective and limit is a non-decreasing
function of those, so swapping it in never makes a selection worse. Parameters that a pin names keep
all their options.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from solver.cost.collectives import Floats
from solver.cost.quantities import Quantity
from solver.sharding.domain import Bools, Domain
from solver.sharding.lower.blocks import FIGURES, GATHERED, SHARED, Block, Rates, block
from solver.sharding.problem import Edge, Labels, ShardingProblem, Store
from solver.space.pins import PinMasks
from solver.stages.pattern import PARTS

SAVED = [Quantity.SAVED_B, Quantity.SAVED_W]
MOST_SUMS = 5000


@dataclass(frozen=True, slots=True, eq=False)
class NodeTable:
    """A node's strategies in the domain: `kept` numbers them in the problem, `place` is the way
    back (-1: not in the domain). `loops` are the (part, block) of edges from the node to itself."""

    name: str
    unit_class: int
    is_measured: bool
    kept: Labels
    place: Labels
    quantities: Block
    loops: tuple[tuple[int, Block], ...]
    forbidden: Bools
    working: Floats


@dataclass(frozen=True, slots=True, eq=False)
class EdgeTable:
    """An edge over the strategies of the domain; `forbidden` is [label of u, label of v]."""

    u: int
    v: int
    unit_class: int
    part: int
    labels_u: Labels
    labels_v: Labels
    quantities: Block
    forbidden: Bools


@dataclass(frozen=True, slots=True, eq=False)
class StoreTable:
    """A parameter: its strategies are [label, option] pairs.

    `labels` are those of the node's strategies in the domain; `pair_label` and `pair_option` those
    of each strategy here; `place[label, option]` the strategy that stands for a pair (-1: none).
    `tie` is (labels of the node, labels of the strategies, table): zero where both labels are one.
    """

    name: str
    node: int
    unit_class: int
    is_named: bool
    labels: Labels
    pair_label: Labels
    pair_option: Labels
    place: Labels
    figures: Block
    tie: tuple[Labels, Labels, Floats]

    def gathered(self) -> Floats:
        """[strategy] bytes."""
        row = np.flatnonzero(self.figures.layers == GATHERED)
        return np.asarray(self.figures.cells[row].sum(axis=0))


@dataclass(frozen=True, slots=True, eq=False)
class Tables:
    """All tables of a problem within a domain, and its soft pins.

    `saving` are the (class, part) whose edges save something for the backward, `gathers` the
    classes whose units gather parameters, with all that one may gather ([sum], ascending; None: too
    many to list).
    """

    problem: ShardingProblem
    nodes: tuple[NodeTable, ...]
    edges: tuple[EdgeTable, ...]
    stores: tuple[StoreTable, ...]
    pins: tuple[PinMasks, ...]
    saving: frozenset[tuple[int, int]]
    gathers: dict[int, Floats | None]

    def of_node(self, rates: Rates, node: NodeTable) -> Floats:
        """[point, quantity] factors of a node."""
        if node.is_measured:
            return rates.measured[:, node.unit_class]
        return rates.units[:, node.unit_class, 0]

    def blocks(self, rates: Rates) -> list[tuple[Block, Floats]]:
        """Every block with its [point, quantity] factors."""
        found = []
        for node in self.nodes:
            found.append((node.quantities, self.of_node(rates, node)))
            found += [(loop, rates.units[:, node.unit_class, p]) for p, loop in node.loops]
        found += [(e.quantities, rates.units[:, e.unit_class, e.part]) for e in self.edges]
        found += [(s.figures, rates.stores[:, j]) for j, s in enumerate(self.stores)]
        return found


def tables(problem: ShardingProblem, domain: Domain, pins: Sequence[PinMasks]) -> Tables:
    """The tables of a domain, which must leave every node a strategy and respect the hard pins."""
    named = {number for pin in pins for number in pin.stores}
    kept = [np.flatnonzero(mask) for mask in domain.nodes]
    forbidden = [np.zeros(len(strategies), dtype=bool) for strategies in kept]
    loops: list[list[tuple[int, Block]]] = [[] for _ in kept]
    alike = _Alike(problem, domain)
    edges = []
    for edge in problem.edges:
        if edge.u == edge.v:
            made, illegal = _loop(edge, kept[edge.u])
            loops[edge.u].append((PARTS[edge.group.part], made))
            forbidden[edge.u] |= illegal
        else:
            table = alike.edge(edge, kept[edge.u], kept[edge.v])
            if table.forbidden.any() or len(table.quantities.layers):
                edges.append(table)
    stores = []
    for number, store in enumerate(problem.stores):
        stored = alike.store(
            store, kept[store.node], domain.stores[number], is_named=number in named
        )
        nothing: Bools = np.asarray((stored.place < 0).all(axis=1))
        forbidden[store.node] |= nothing[stored.labels]
        stores.append(stored)
    nodes = tuple(
        _node(problem, n, kept[n], tuple(loops[n]), forbidden[n]) for n in range(len(kept))
    )
    soft = tuple(pin for pin in pins if not pin.is_hard)
    saving, gathers = _saving(nodes, edges), _gathers(stores)
    return Tables(problem, nodes, tuple(edges), tuple(stores), soft, saving, gathers)


class _Alike:
    """Tables of edges and stores, made once for those whose ends are alike (`Node.alike`) and keep
    the same strategies."""

    def __init__(self, problem: ShardingProblem, domain: Domain) -> None:
        self.problem = problem
        masks: dict[tuple[int, bytes], int] = {}
        rows = enumerate(zip(problem.nodes, domain.nodes, strict=True))
        self.number = [
            masks.setdefault((node.alike, mask.tobytes()), n) for n, (node, mask) in rows
        ]
        self.edges: dict[tuple[int, int, int], EdgeTable] = {}
        self.stores: dict[tuple[int, int, bytes, bool], StoreTable] = {}

    def edge(self, edge: Edge, kept_u: Labels, kept_v: Labels) -> EdgeTable:
        """The table of an edge; `edge.table` is one object for all that are alike."""
        key = (id(edge.table), self.number[edge.u], self.number[edge.v])
        if key not in self.edges:
            self.edges[key] = _edge(edge, kept_u, kept_v)
        c, part = edge.group.unit_class, PARTS[edge.group.part]
        return replace(self.edges[key], u=edge.u, v=edge.v, unit_class=c, part=part)

    def store(self, store: Store, kept: Labels, allowed: Bools, *, is_named: bool) -> StoreTable:
        """The table of a store; `store.costs` is one object for all that are alike."""
        c = self.problem.nodes[store.node].unit_class
        key = (id(store.costs), self.number[store.node], allowed.tobytes(), is_named)
        if key not in self.stores:
            self.stores[key] = _store(store, c, kept, allowed, is_named=is_named)
        return replace(self.stores[key], name=store.parameter, node=store.node, unit_class=c)


def _gathers(stores: Sequence[StoreTable]) -> dict[int, Floats | None]:
    found: dict[int, list[Floats]] = {}
    for store in stores:
        if GATHERED in store.figures.layers:
            found.setdefault(store.unit_class, []).append(store.gathered())
    return {c: _sums(gathered) for c, gathered in found.items()}


def _sums(amounts: Sequence[Floats]) -> Floats | None:
    """All sums of one amount of each; None when they are too many."""
    sums = np.zeros(1)
    for each in amounts:
        sums = np.unique(np.add.outer(sums, np.unique(each)))
        if len(sums) > MOST_SUMS:
            return None
    return sums


def _saving(nodes: Sequence[NodeTable], edges: Sequence[EdgeTable]) -> frozenset[tuple[int, int]]:
    found = [(e.unit_class, e.part, e.quantities) for e in edges]
    found += [(node.unit_class, part, loop) for node in nodes for part, loop in node.loops]
    return frozenset((c, part) for c, part, made in found if np.isin(made.layers, SAVED).any())


def _node(
    problem: ShardingProblem,
    number: int,
    kept: Labels,
    loops: tuple[tuple[int, Block], ...],
    forbidden: Bools,
) -> NodeTable:
    node = problem.nodes[number]
    place = np.full(node.size, -1, dtype=np.intp)
    place[kept] = np.arange(len(kept))
    return NodeTable(
        node.subject,
        node.unit_class,
        bool(node.variants),
        kept,
        place,
        block(node.unary[:, kept]),
        loops,
        forbidden,
        node.working[kept],
    )


def _loop(edge: Edge, kept: Labels) -> tuple[Block, Bools]:
    """A block over strategies, and which of them the edge forbids."""
    cells = edge.table[:, edge.labels_u[kept], edge.labels_v[kept]]
    illegal: Bools = np.asarray(~np.isfinite(cells).all(axis=0))
    cells[:, illegal] = 0.0
    return block(cells, np.array(edge.layers, dtype=np.intp)), illegal


def _edge(edge: Edge, kept_u: Labels, kept_v: Labels) -> EdgeTable:
    rows, labels_u = np.unique(edge.labels_u[kept_u], return_inverse=True)
    columns, labels_v = np.unique(edge.labels_v[kept_v], return_inverse=True)
    cells = edge.table
    if cells.shape[1:] != (len(rows), len(columns)):
        cells = cells[:, rows[:, None], columns]
    forbidden: Bools = np.asarray(~np.isfinite(cells).all(axis=0))
    if forbidden.any():
        cells = np.where(forbidden, 0.0, cells)
    layers = np.array(edge.layers, dtype=np.intp)
    return EdgeTable(
        edge.u,
        edge.v,
        edge.group.unit_class,
        PARTS[edge.group.part],
        labels_u.reshape(-1),
        labels_v.reshape(-1),
        block(cells, layers),
        forbidden,
    )


def _store(
    store: Store, unit_class: int, kept: Labels, allowed: Bools, *, is_named: bool
) -> StoreTable:
    labels = store.labels[kept]
    costs = store.costs
    figures = np.zeros((max(FIGURES, len(costs.table)), *costs.gathered.shape))
    figures[: len(costs.table)] = costs.table
    figures[GATHERED], figures[SHARED] = costs.gathered, costs.shared
    reached = np.zeros(len(allowed), dtype=bool)
    reached[labels] = True
    options = np.where(allowed & reached[:, None], np.arange(allowed.shape[1]), -1)
    if not is_named:
        options = stand_ins(figures, options)
    pairs = np.unique(np.argwhere(options >= 0), axis=0)
    # A pair is a strategy when it stands for itself.
    own = pairs[options[pairs[:, 0], pairs[:, 1]] == pairs[:, 1]]
    number = np.full(allowed.shape, -1, dtype=np.intp)
    number[own[:, 0], own[:, 1]] = np.arange(len(own))
    rows = np.arange(len(allowed))[:, None]
    place = np.where(options >= 0, number[rows, np.maximum(options, 0)], -1)
    return StoreTable(
        store.parameter,
        store.node,
        unit_class,
        is_named,
        labels,
        own[:, 0],
        own[:, 1],
        place,
        block(figures[:, own[:, 0], own[:, 1]]),
        _tie(labels, own[:, 0]),
    )


def _tie(labels: Labels, pair_label: Labels) -> tuple[Labels, Labels, Floats]:
    rows, of_node = np.unique(labels, return_inverse=True)
    columns, of_pair = np.unique(pair_label, return_inverse=True)
    return of_node, of_pair, np.where(rows[:, None] == columns, 0.0, math.inf)


def stand_ins(figures: Floats, options: Labels) -> Labels:
    """[label, option]: the option that stands for each one, itself unless another one of its label
    is no larger in any of [figure, label, option] (of equal ones the first); -1 stays -1."""
    result = options.copy()
    for label, row in enumerate(options):
        z = np.flatnonzero(row >= 0)
        mine = figures[:, label, z]
        no_more = (mine[:, :, None] <= mine[:, None, :]).all(axis=0)  # [better, worse]
        earlier = np.tri(len(z), k=-1, dtype=bool).T
        beats = no_more & (~no_more.T | earlier)
        beaten: Bools = np.asarray(beats.any(axis=0))
        best = z[np.argmax(beats & ~beaten[:, None], axis=0)] if len(z) else z
        result[label, z] = np.where(beaten, best, z)
    return result
