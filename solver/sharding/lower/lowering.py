"""A sharding problem under a pattern of stages as a `solver.engine.problem.Problem`, and back.

Nodes, in this order: those of the sharding problem with the strategies of the domain; parameters
whose storage is a choice of its own, one strategy per [label, option] pair, tied to the node that
decides the label; levels of working memory (`solver.sharding.lower.memory`); cuts from schedules
(`solver.sharding.lower.cuts`). Edges from a node to itself are part of its costs.

Step time is the largest of several rows. What every row charges is a plain cost, and the rest a
soft resource of capacity 0 and price 1 with a point per row: its overflow is the largest row. The
storage of a parameter that only has plain costs is no choice: the cheapest option of each label is
added to the cost of the node.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from solver.cost.collectives import Floats
from solver.engine import problem as engine
from solver.engine.evaluate import use
from solver.sharding.lower.blocks import Rates
from solver.sharding.lower.cuts import CutPoints, cut_points
from solver.sharding.lower.memory import Level, Memory, MemoryLimit, memory, needed
from solver.sharding.lower.rates import row_rates
from solver.sharding.lower.tables import EdgeTable, NodeTable, StoreTable, Tables
from solver.sharding.problem import Labels, Selection
from solver.sharding.terms import Cut, StageTerms


@dataclass(frozen=True, slots=True)
class Aim:
    """What is minimised (step time in seconds, or the peak of memory in bytes), and a limit on the
    step with the price of a second more (infinity: hard)."""

    minimizes: Literal["time", "memory"] = "time"
    step_limit: float = math.inf
    step_price: float = math.inf


STEP_TIME = Aim()


@dataclass(frozen=True, slots=True, eq=False)
class Storing:
    """How the storage of a parameter is read back: the strategy of `node`, or the `cheapest` pair
    ([label of the parameter]) where it is no node."""

    node: int | None
    cheapest: Labels


@dataclass(frozen=True, slots=True, eq=False)
class Lowered:
    """The engine's problem, and the ways between its selections and those of the sharding problem.

    `levels` and `cuts` are the last nodes of the problem.
    """

    problem: engine.Problem
    tables: Tables
    storing: tuple[Storing, ...]
    levels: tuple[Level, ...]
    cuts: CutPoints | None
    cut_resource: int

    def selection(self, chosen: engine.Selection) -> Selection:
        """Strategies and storage; levels and cuts say nothing more."""
        strategies, storage = [], []
        for node, k in zip(self.tables.nodes, chosen, strict=False):
            strategies.append(int(node.kept[k]))
        for store, how in zip(self.tables.stores, self.storing, strict=True):
            pair = how.cheapest[_label(store, chosen)] if how.node is None else chosen[how.node]
            storage.append(int(store.pair_option[pair]))
        return Selection(tuple(strategies), tuple(storage))

    def of(self, selection: Selection) -> engine.Selection | None:
        """The way in; None for a selection outside the domain.

        Its value is that of the selection, or less where it stores a parameter in a way that was
        left out for one that costs no more. Where working memory is above every level the highest
        is taken, which is not feasible either.
        """
        rows = zip(self.tables.nodes, selection.strategies, strict=True)
        chosen = [int(node.place[k]) for node, k in rows]
        if min(chosen, default=0) < 0:
            return None
        for number, (store, how) in enumerate(zip(self.tables.stores, self.storing, strict=True)):
            pair = int(store.place[_label(store, chosen), selection.storage[number]])
            if pair < 0:
                return None
            if how.node is not None:
                chosen.append(pair)
        for level in self.levels:
            working = np.array([self.tables.nodes[n].working[chosen[n]] for n in level.nodes])
            chosen.append(min(int(needed(level, working).max()), len(level.amounts) - 1))
        return self._with_cuts(chosen)

    def _with_cuts(self, chosen: list[int]) -> engine.Selection:
        """Every cut takes a duration that is smaller, or "as long" where none is."""
        if self.cuts is None:
            return engine.as_selection(chosen)
        longest = [len(points) for points in self.cuts.points]
        durations = use(self.problem, engine.as_selection([*chosen, *longest]))[self.cut_resource]
        for points in self.cuts.points:
            smaller = durations[points] <= self.cuts.smaller[points]
            chosen.append(int(np.argmax(smaller)) if smaller.any() else len(points))
        return engine.as_selection(chosen)


def _label(store: StoreTable, chosen: Sequence[int] | engine.Selection) -> int:
    return int(store.labels[chosen[store.node]])


def lower(
    tables: Tables, terms: StageTerms, aim: Aim = STEP_TIME, cuts: Sequence[Cut] = ()
) -> Lowered:
    """The problem of the best selection under a pattern; soft pins are charged in the unit of the
    aim. Cuts are for the least step time."""
    assert not cuts or aim.minimizes == "time"
    builder = _Builder(tables)
    rows = row_rates(tables.problem, terms)
    plain = rows.common()
    if aim.minimizes == "memory" or cuts:
        plain = plain.less(plain)
    cut = cut_points(tables, cuts) if cuts else None
    if aim.minimizes == "time":
        more = np.zeros(0) if cut is None else cut.least
        builder.add_step_time(rows.less(plain), more)
    if math.isfinite(aim.step_limit):
        capacity = np.full(len(rows), aim.step_limit)
        builder.add_resource("step limit", capacity, aim.step_price, rows)
    limits = _memory_limits(terms, aim)
    found = memory(tables, terms, limits) if limits else None
    if found is not None:
        builder.add_memory(found, limits)
    if cut is not None:
        builder.cut_resource = builder.add_resource(
            "durations", cut.capacity(), math.inf, cut.rates
        )
    builder.add_choices(plain)
    if found is not None:
        builder.add_levels(found.levels, len(limits))
    if cut is not None:
        builder.add_cuts(cut, len(rows))
    builder.add_pins()
    return builder.lowered(found.levels if found is not None else (), cut)


def _memory_limits(terms: StageTerms, aim: Aim) -> list[MemoryLimit]:
    limits = []
    if aim.minimizes == "memory":
        limits.append(MemoryLimit("peak", 0.0, 1.0))
    if math.isfinite(terms.capacity):
        limits.append(MemoryLimit("memory", terms.capacity, terms.price))
    return limits


@dataclass
class _Builder:
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
    step_time: int = -1
    memory: int = -1
    cut_resource: int = -1

    # ---- resources -------------------------------------------------------------------------

    def add_resource(self, name: str, capacity: Floats, price: float, rates: Rates) -> int:
        """A resource whose first points the choices use by these rates."""
        self.resources.append(engine.Resource(name, capacity, price))
        self.rates.append((len(self.resources) - 1, rates))
        return len(self.resources) - 1

    def add_step_time(self, rates: Rates, more: Floats) -> None:
        """Rows of times, and a point for each cut; nothing where all of it is plain."""
        is_free = all(block.is_free(factors) for block, factors in self.tables.blocks(rates))
        if not is_free or len(more):
            capacity = np.zeros(len(rates) + len(more))
            self.step_time = self.add_resource("step time", capacity, 1.0, rates)

    def add_memory(self, found: Memory, limits: Sequence[MemoryLimit]) -> None:
        """One resource per limit, all with the same uses."""
        self.memory = len(self.resources)
        for limit in limits:
            capacity = np.full(len(found.rates), limit.capacity)
            self.add_resource(limit.name, capacity, limit.price, found.rates)

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
        table = edge.quantities.cost(plain.units[0, edge.unit_class, edge.part])
        table[edge.forbidden] = math.inf
        if uses or table.any():
            self.edges.append(engine.Edge(edge.u, edge.v, edge.labels_u, edge.labels_v, table))
            self.edge_uses += uses

    # ---- levels and cuts -------------------------------------------------------------------

    def add_levels(self, levels: Sequence[Level], limits: int) -> None:
        """A node per level of working memory, which uses every limit, and edges that keep the
        operators below it."""
        for level in levels:
            number = len(self.nodes)
            self.nodes.append(engine.Node("working memory", np.zeros(len(level.amounts))))
            for start, stop in _spans(level.points):
                for resource in range(self.memory, self.memory + limits):
                    self._use(resource, start, stop, number, level.amounts)
            for node in level.nodes:
                need = needed(level, self.tables.nodes[node].working)
                needs, labels = np.unique(need, return_inverse=True)
                if needs[-1] == 0:
                    continue
                covers = np.searchsorted(needs, np.arange(len(level.amounts)), side="right")
                counts, covered = np.unique(covers, return_inverse=True)
                table = np.where(np.arange(len(needs)) < counts[:, None], 0.0, math.inf)
                self.edges.append(engine.Edge(number, node, covered, labels, table))

    def add_cuts(self, cut: CutPoints, rows: int) -> None:
        """A node per cut; "as long" is used at the cut's own point of the step time."""
        for k, points in enumerate(cut.points):
            number = len(self.nodes)
            self.nodes.append(engine.Node(f"cut {k}", np.zeros(len(points) + 1)))
            for point in points.tolist():
                self._use(self.cut_resource, point, point + 1, number, cut.filling(k, point))
            longest = np.zeros(len(points) + 1)
            longest[-1] = cut.least[k]
            self._use(self.step_time, rows + k, rows + k + 1, number, longest)
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

    def lowered(self, levels: tuple[Level, ...], cut: CutPoints | None) -> Lowered:
        """The finished value."""
        problem = engine.Problem(
            tuple(self.nodes),
            tuple(self.edges),
            tuple(self.resources),
            tuple(self.node_uses),
            tuple(self.edge_uses),
            tuple(self.pins),
        )
        return Lowered(problem, self.tables, tuple(self.storing), levels, cut, self.cut_resource)


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
