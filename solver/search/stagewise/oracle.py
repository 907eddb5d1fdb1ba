"""The least that one unit of a class costs, whatever its choices: seconds plus priced bytes.

Alone: every node at its cheapest, without redistributions. By messages: of the unit's nodes and
what they redistribute among each other and from the unit before them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from solver.cost.collectives import Floats
from solver.cost.quantities import COUNT, Quantity
from solver.engine.medium import message_bound
from solver.sharding.domain import Domain
from solver.sharding.lower.blocks import FIGURES, Rates
from solver.sharding.lower.builder import Builder
from solver.sharding.lower.tables import Tables
from solver.sharding.problem import ShardingProblem
from solver.stages.pattern import PARTS

SWEEPS = 6


@dataclass(frozen=True, slots=True)
class Kind:
    """Units of a class that cost alike.

    `part` is `first` or `rest` with what they redistribute from the unit before them, or `every`
    without: where another stage begins, that unit has made choices of its own. `holds`: it is the
    first unit of the class, which is sure to hold the parameters that several units read.
    """

    unit_class: int
    part: int
    holds: bool


def kinds_of(problem: ShardingProblem) -> tuple[tuple[Kind, ...], list[int], list[int]]:
    """The kinds of units, and for every unit in graph order the number of its kind behind another
    unit of its stage, and where a stage begins."""
    place = {u: (c, i) for c, k in enumerate(problem.classes) for i, u in enumerate(k.units)}
    found: dict[Kind, int] = {}
    behind, entering = [], []
    for number, unit in enumerate(problem.spec.graph.units):
        c, i = place[unit.name]
        part = PARTS["first" if i == 0 else "rest"]
        behind.append(found.setdefault(Kind(c, part, i == 0), len(found)))
        part = part if number == 0 else PARTS["every"]
        entering.append(found.setdefault(Kind(c, part, i == 0), len(found)))
    return tuple(found), behind, entering


class Alone:
    """Bounds from every choice's own cost."""

    def __init__(self, problem: ShardingProblem, domain: Domain) -> None:
        self.nodes = [
            _Choice(node.unary[:, mask], node.unit_class)
            for node, mask in zip(problem.nodes, domain.nodes, strict=True)
        ]
        self.stores = []
        for store, legal in zip(problem.stores, domain.stores, strict=True):
            labels = store.labels[domain.nodes[store.node]]
            there = np.zeros(len(legal), dtype=bool)
            there[labels] = True
            pairs = np.argwhere(legal & there[:, None])  # by label
            rows, first = np.unique(pairs[:, 0], return_index=True)
            columns = store.costs.table[:, pairs[:, 0], pairs[:, 1]]
            choice = _Choice(columns, self.nodes[store.node].unit_class)
            self.stores.append((choice, store, first, np.searchsorted(rows, labels)))

    def least(self, kind: Kind, factors: Floats) -> Floats:
        """[row] of the least for each row of [row, quantity] factors."""
        own: dict[int, Floats] = {}
        for number, node in enumerate(self.nodes):
            if node.unit_class == kind.unit_class:
                own[number] = node.costs(factors)
        for choice, store, first, labels in self.stores:
            if store.node in own:
                costs = choice.costs(store_rates(factors, store.per_unit or kind.holds))
                least = np.minimum.reduceat(costs, first, axis=1)
                own[store.node] = own[store.node] + least[:, labels]
        total = np.zeros(len(factors))
        for costs in own.values():
            total = total + costs.min(axis=1)
        return total


class _Choice:
    """The quantities of some strategies, without those that are zero for all."""

    def __init__(self, table: Floats, unit_class: int) -> None:
        self.unit_class = unit_class
        self.layers = np.flatnonzero(table.any(axis=1))
        self.cells = np.ascontiguousarray(table[self.layers])

    def costs(self, factors: Floats) -> Floats:
        """[row, strategy] for [row, quantity] factors."""
        return np.asarray(factors[:, self.layers] @ self.cells)


def store_rates(factors: Floats, holds: bool) -> Floats:
    """What a parameter charges of [row, quantity] factors: one that several units read is held once
    per stage, so only the first of them is sure to pay for holding it."""
    if holds:
        return factors
    mine = factors.copy()
    mine[:, [Quantity.STATIC, Quantity.STEP]] = 0.0
    return mine


class Joined:
    """Bounds from messages over the nodes of a class and those that they read from."""

    def __init__(self, tables: Tables) -> None:
        self.tables = tables
        self.parts: dict[int, tuple[Tables, list[int]]] = {}
        self.priced: dict[tuple[int, bytes], tuple[Floats, bool]] = {}  # few edges keep bytes

    def least(self, kind: Kind, factors: Floats) -> float:
        """The least for one row of [quantity] factors."""
        if kind.unit_class not in self.parts:
            self.parts[kind.unit_class] = _of_class(self.tables, kind.unit_class)
        made, stores = self.parts[kind.unit_class]
        problem = self.tables.problem
        units = np.zeros((1, len(problem.classes), len(PARTS), COUNT))
        units[0, kind.unit_class, sorted({PARTS["every"], kind.part})] = factors
        rates = np.zeros((1, len(stores), FIGURES))
        for place, number in enumerate(stores):
            per_unit = problem.stores[number].per_unit
            rates[0, place, :COUNT] = store_rates(factors[None], per_unit or kind.holds)[0]
        builder = Builder(made, priced=self.priced)
        builder.add_choices(Rates(units, units[:, :, 0], rates))
        return message_bound(builder.problem(), SWEEPS)


def _of_class(tables: Tables, unit_class: int) -> tuple[Tables, list[int]]:
    """The tables of a class alone, and the numbers of its stores."""
    edges = [e for e in tables.edges if e.unit_class == unit_class]
    inside = {n for n, node in enumerate(tables.nodes) if node.unit_class == unit_class}
    inside |= {n for e in edges for n in (e.u, e.v)}
    place = {n: i for i, n in enumerate(sorted(inside))}
    stores = [
        number
        for number, store in enumerate(tables.stores)
        if store.node in place and store.unit_class == unit_class
    ]
    return (
        replace(
            tables,
            nodes=tuple(tables.nodes[n] for n in place),
            edges=tuple(replace(e, u=place[e.u], v=place[e.v]) for e in edges),
            stores=tuple(
                replace(tables.stores[j], node=place[tables.stores[j].node]) for j in stores
            ),
            pins=(),
        ),
        stores,
    )


def rows(
    microbatches: float, again: bool, static: Sequence[float], held: Sequence[float]
) -> Floats:
    """[row, quantity] factors of a stage's time with a price on what it keeps: `static[row]`
    seconds per byte held all the time, `held[row]` per byte of one micro-batch."""
    found = np.zeros((len(static), COUNT))
    for quantity in (Quantity.FORWARD, Quantity.INPUT_GRAD, Quantity.WEIGHT_GRAD):
        found[:, quantity] = microbatches
    found[:, Quantity.STEP] = 1.0
    found[:, Quantity.STATIC] = static
    if again:
        found[:, Quantity.AGAIN] = microbatches
        found[:, Quantity.KEPT] = held
    else:
        found[:, Quantity.SAVED_B] = found[:, Quantity.SAVED_W] = held
    return found
