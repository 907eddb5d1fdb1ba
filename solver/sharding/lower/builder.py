"""The parts of the engine's problem, put together one after the other.

Resources come first: a parameter that uses none is no node of its own.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from solver.cost.collectives import Floats
from solver.engine import problem as engine
from solver.sharding.lower.blocks import GATHERED, Rates
from solver.sharding.lower.cuts import CutPoints
from solver.sharding.lower.levels import GUARD, Level
from solver.sharding.lower.memory import Memory, MemoryLimit
from solver.sharding.lower.tables import EdgeTable, NodeTable, StoreTable, Tables
from solver.sharding.problem import Labels
from solver.sharding.terms import SoftLimit


@dataclass(frozen=True, slots=True, eq=False)
class Storing:
    """How the storage of a parameter is read back: the strategy of `node`, or the `cheapest` pair
    ([label of the parameter]) where it is no node."""

    node: int | None
    cheapest: Labels


@dataclass
class Builder:
    """Collects the parts of the engine's problem."""

    tables: Tables
    nodes: list[engine.Node] = field(default_factory=list)
    edges: list[engine.Edge] = field(default_factory=list)
    resources: list[engine.Resource] = field(default_factory=list)
    rates: list[tuple[int, Rates]] = field(default_factory=list)
    node_uses: list[engine.NodeUse] = field(default_factory=list)
    edge_uses: list[engine.EdgeUse] = field(default_factory=list)
    pins: list[engine.Pin] = field(default_factory=list)
    storing: list[Storing] = field(default_factory=list)
    steps: list[int] = field(default_factory=list)
    priced: dict[tuple[int, bytes], tuple[Floats, bool]] = field(default_factory=dict)
    memory: int = -1
    gathered: int = -1
    cut_resource: int = -1

    # ---- resources -------------------------------------------------------------------------

    def add_resource(self, name: str, capacity: Floats, price: float, rates: Rates) -> int:
        """A resource whose first points the choices use by these rates."""
        self.resources.append(engine.Resource(name, capacity, price))
        self.rates.append((len(self.resources) - 1, rates))
        return len(self.resources) - 1

    def add_step_time(self, rates: Rates, cuts: int) -> None:
        """Rows of times, and a point for each cut; nothing where all of it is plain."""
        is_free = all(block.is_free(factors) for block, factors in self.tables.blocks(rates))
        if not is_free or cuts:
            capacity = np.zeros(len(rates) + cuts)
            self.steps.append(self.add_resource("step time", capacity, 1.0, rates))

    def add_step_limit(self, limit: SoftLimit, rates: Rates, cuts: int) -> None:
        """A limit of all rows of times, and of the point of each cut."""
        capacity = np.full(len(rates) + cuts, limit.value)
        self.steps.append(self.add_resource("step limit", capacity, limit.price, rates))

    def add_memory(self, found: Memory, limits: Sequence[MemoryLimit]) -> None:
        """One resource per limit, all with the same uses, and one that keeps what units gather
        below their levels."""
        self.memory = len(self.resources)
        for limit in limits:
            capacity = limit.capacity[found.stages]
            self.add_resource(limit.name, capacity, limit.price, found.rates)
        apart = [(level, c) for level in found.levels for c in level.classes]
        if apart:
            stores = np.zeros((len(apart), *found.rates.stores.shape[1:]))
            for point, (_, c) in enumerate(apart):
                mine = [s.unit_class == c for s in self.tables.stores]
                stores[point, mine, GATHERED] = 2.0
            capacity = np.array([level.amounts[-1] * (1 + GUARD) for level, _ in apart])
            none = np.zeros((len(apart), *found.rates.units.shape[1:]))
            rates = Rates(none, none[:, :, 0], stores)
            self.gathered = self.add_resource("gathered parameters", capacity, math.inf, rates)

    # ---- choices ---------------------------------------------------------------------------

    def add_choices(self, plain: Rates) -> None:
        """Nodes, parameters and edges; `plain` is one point that charges costs."""
        costs = [self._node_costs(node, plain) for node in self.tables.nodes]
        chosen: list[tuple[int, StoreTable, Floats]] = []
        for number, store in enumerate(self.tables.stores):
            prices = store.figures.cost(plain.stores[0, number])
            if self._is_plain(number, store):
                cheapest = _cheapest(store, prices)
                self.storing.append(Storing(None, cheapest))
                least = np.where(cheapest >= 0, np.append(prices, 0.0)[cheapest], 0.0)
                costs[store.node] += least[store.labels]
            else:
                node = len(costs) + len(chosen)
                self.storing.append(Storing(node, np.zeros(0, dtype=np.intp)))
                chosen.append((number, store, prices))
        for table, prices in zip(self.tables.nodes, costs, strict=True):
            self._add_node(table, prices)
        for number, store, prices in chosen:
            self._add_store(number, store, prices)
        for edge in self.tables.edges:
            self._add_edge(edge, plain)

    def _node_costs(self, node: NodeTable, plain: Rates) -> Floats:
        costs = node.quantities.cost(self.tables.of_node(plain, node)[0])
        for part, loop in node.loops:
            costs = costs + loop.cost(plain.units[0, node.unit_class, part])
        return np.where(node.forbidden, math.inf, costs)

    def _is_plain(self, number: int, store: StoreTable) -> bool:
        """Whether a parameter uses no resource and no pin names it (or nothing is left of it)."""
        if not len(store.pair_label):
            return True
        free = all(store.figures.is_free(rates.stores[:, number]) for _, rates in self.rates)
        return free and not store.is_named

    def _add_node(self, node: NodeTable, costs: Floats) -> None:
        number = len(self.nodes)
        self.nodes.append(engine.Node(node.name, costs))
        for resource, rates in self.rates:
            for start, stop, amounts in node.quantities.uses(self.tables.of_node(rates, node)):
                self._use(resource, start, stop, number, amounts)
            for part, loop in node.loops:
                for start, stop, amounts in loop.uses(rates.units[:, node.unit_class, part]):
                    self._use(resource, start, stop, number, amounts)

    def _use(self, resource: int, start: int, stop: int, node: int, amounts: Floats) -> None:
        self.node_uses.append(engine.NodeUse(resource, start, stop, node, amounts))

    def _add_store(self, number: int, store: StoreTable, costs: Floats) -> None:
        """The storage of a parameter; its label is that of its node."""
        node = len(self.nodes)
        self.nodes.append(engine.Node(f"storage of {store.name}", costs))
        self.edges.append(engine.Edge(store.node, node, *store.tie))
        for resource, rates in self.rates:
            for start, stop, amounts in store.figures.uses(rates.stores[:, number]):
                self._use(resource, start, stop, node, amounts)

    def _add_edge(self, edge: EdgeTable, plain: Rates) -> None:
        """An edge that costs, forbids or uses something."""
        uses = [
            engine.EdgeUse(resource, start, stop, len(self.edges), amounts)
            for resource, rates in self.rates
            for start, stop, amounts in edge.quantities.uses(
                rates.units[:, edge.unit_class, edge.part]
            )
        ]
        factors = plain.units[0, edge.unit_class, edge.part]
        key = (id(edge.quantities), factors[edge.quantities.layers].tobytes())
        if key not in self.priced:  # edges that are alike share their tables
            table = edge.quantities.cost(factors)
            table[edge.forbidden] = math.inf
            self.priced[key] = table, bool(table.any())
        table, charges = self.priced[key]
        if uses or charges:
            self.edges.append(engine.Edge(edge.u, edge.v, edge.labels_u, edge.labels_v, table))
            self.edge_uses += uses

    # ---- levels and cuts -------------------------------------------------------------------

    def add_levels(self, levels: Sequence[Level], limits: int) -> None:
        """A node per level, which uses every limit."""
        point = 0
        for level in levels:
            number = len(self.nodes)
            name = "working memory" if level.nodes else "gathered parameters"
            self.nodes.append(engine.Node(name, np.zeros(len(level.amounts))))
            for start, stop in _spans(level.points):
                for resource in range(self.memory, self.memory + limits):
                    self._use(resource, start, stop, number, level.amounts)
            for node in level.nodes:
                self._keep_below(level, number, node)
            if level.classes:
                stop = point + len(level.classes)
                room = level.amounts[-1] - level.amounts
                self._use(self.gathered, point, stop, number, room)
                point = stop

    def _keep_below(self, level: Level, number: int, node: int) -> None:
        """An edge that forbids a level below what an operator needs."""
        needs, labels = np.unique(
            level.needed(self.tables.nodes[node].working), return_inverse=True
        )
        if needs[-1] > 0:
            covers = np.searchsorted(needs, np.arange(len(level.amounts)), side="right")
            counts, covered = np.unique(covers, return_inverse=True)
            table = np.where(np.arange(len(needs)) < counts[:, None], 0.0, math.inf)
            self.edges.append(engine.Edge(number, node, covered, labels, table))

    def add_cuts(self, cut: CutPoints, rows: int) -> None:
        """A node per cut; "as long" is used at the cut's own point of whatever measures a step."""
        for k, points in enumerate(cut.points):
            number = len(self.nodes)
            self.nodes.append(engine.Node(f"cut {k}", np.zeros(len(points) + 1)))
            for point in points.tolist():
                self._use(self.cut_resource, point, point + 1, number, cut.filling(k, point))
            longest = np.zeros(len(points) + 1)
            longest[-1] = cut.least[k]
            for resource in self.steps:
                self._use(resource, rows + k, rows + k + 1, number, longest)
        for start, stop, node, seconds in cut.sent:
            amounts = seconds[self.tables.nodes[node].kept]
            self._use(self.cut_resource, start, stop, node, amounts)

    # ---- pins ------------------------------------------------------------------------------

    def add_pins(self) -> None:
        """Soft pins that can be broken; hard ones have shrunk the domain."""
        for pin in self.tables.pins:
            breaks = {n: mask[self.tables.nodes[n].kept] for n, mask in pin.nodes.items()}
            for number, mask in pin.stores.items():
                store, node = self.tables.stores[number], self.storing[number].node
                if node is not None:
                    breaks[node] = mask[store.pair_label, store.pair_option]
            breaks = {node: mask for node, mask in breaks.items() if mask.any()}
            weight = pin.pin.weight
            if breaks and weight:
                self.pins.append(engine.Pin(pin.pin.text, breaks, weight))

    def problem(self) -> engine.Problem:
        """The finished value."""
        return engine.Problem(
            tuple(self.nodes),
            tuple(self.edges),
            tuple(self.resources),
            tuple(self.node_uses),
            tuple(self.edge_uses),
            tuple(self.pins),
        )


def _cheapest(store: StoreTable, prices: Floats) -> Labels:
    """[label] the cheapest pair (-1: none), the first among equals."""
    result = np.full(len(store.place), -1, dtype=np.intp)
    order = np.lexsort((prices, store.pair_label))
    labels, first = np.unique(store.pair_label[order], return_index=True)
    result[labels] = order[first]
    return result


def _spans(points: Labels) -> list[tuple[int, int]]:
    """Ascending points as [start, stop) runs."""
    ends = np.flatnonzero(np.diff(points) != 1)
    starts = points[np.concatenate([[0], ends + 1])]
    stops = points[np.concatenate([ends, [len(points) - 1]])] + 1
    return list(zip(starts.tolist(), stops.tolist(), strict=True))
