"""Lower bounds by pricing resources (Lagrangian relaxation) and passing messages (TRW-S).

For prices p >= 0 per point, whose sum over a soft resource is at most that resource's price,

    least value >= constant + min over selections of (costs + p . use) - p . capacity

since p . (use - capacity) is at most 0 where hard capacities hold, and at most price * overflow of
a soft resource. Tree-reweighted message passing bounds the minimum from below (Kolmogorov,
"Convergent Tree-Reweighted Message Passing for Energy Minimization", 2006, section 3.3: the sum of
what a pass subtracts to bring every belief and message to a minimum of zero).

Prices follow subgradients (use of a decoded selection, less capacity) with momentum. The length of
a step is Polyak's towards the best value known, shortened when steps stop helping (Bertsekas,
"Convex Optimization Algorithms", 2015, section 3.2). Messages are kept from step to step, so one
sweep per step is enough. Prices of a soft resource that sum to its price move only among those of
that sum: raising all alike would be undone, and hide in which direction the bound rises.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np

from solver.engine.problem import Floats
from solver.engine.relaxation import kernels
from solver.engine.relaxation.arrays import Arrays, Graph, Ints

MOMENTUM = 0.5
LENGTH = 0.3  # of Polyak's step, at first
PATIENCE = 5  # steps without a better bound before steps get shorter
SHORTER, LONGER = 0.7, 1.1
GAIN = 1e-5  # relative: less is no better bound
ROUNDING = 1e-12  # relative: of sums over prices, which may be far above the bound
FULL = 1e-9  # relative: prices this near to the most they may sum to


def shape_for_sweep(graph: Graph) -> tuple[Ints, ...]:
    """The arrays that `kernels.sweep` reads, in its order."""
    return (
        graph.first,
        graph.u,
        graph.v,
        graph.rows,
        graph.columns,
        graph.table_at,
        graph.to_u_at,
        graph.to_v_at,
        graph.labels_u,
        graph.labels_u_at,
        graph.labels_v,
        graph.labels_v_at,
        graph.touching,
        graph.touch_at,
    )


@dataclass(slots=True)
class Messages:
    """The state of message passing over one graph; costs and tables may change between sweeps.

    `excess` is [strategy]: after a sweep, how far above the bound every value with that strategy
    must be (below zero: nothing is known).
    """

    graph: Graph
    to_u: Floats = field(init=False)
    to_v: Floats = field(init=False)
    excess: Floats = field(init=False)
    share: Floats = field(init=False)

    def __post_init__(self) -> None:
        graph = self.graph
        self.to_u = np.zeros(int(graph.to_u_at[-1]))
        self.to_v = np.zeros(int(graph.to_v_at[-1]))
        self.excess = np.zeros(int(graph.first[-1]))
        later = np.bincount(np.minimum(graph.u, graph.v), minlength=graph.count)
        earlier = np.bincount(np.maximum(graph.u, graph.v), minlength=graph.count)
        self.share = 1.0 / np.maximum(np.maximum(later, earlier), 1)

    def sweep(self, costs: Floats, tables: Floats) -> float:
        """A pass forward and one backward; a lower bound on the least energy."""
        before, bound = (
            float(
                kernels.sweep(
                    forward,
                    *shape_for_sweep(self.graph),
                    self.share,
                    costs,
                    tables,
                    self.to_u,
                    self.to_v,
                    self.excess,
                )
            )
            for forward in (True, False)
        )
        # An excess holds against the bound of its moment, no less than that before the pass.
        self.excess -= max(0.0, bound - before)
        return bound

    def decode(self, costs: Floats, tables: Floats) -> Ints:
        """A selection that follows the messages."""
        g = self.graph
        chosen = np.zeros(g.count, dtype=np.int64)
        kernels.decode(
            g.first,
            g.u,
            g.v,
            g.columns,
            g.table_at,
            g.to_u_at,
            g.to_v_at,
            g.labels_u,
            g.labels_u_at,
            g.labels_v,
            g.labels_v_at,
            g.touching,
            g.touch_at,
            costs,
            tables,
            self.to_u,
            self.to_v,
            chosen,
        )
        return chosen


def energy_of(data: Arrays, chosen: Ints) -> float:
    """Node and edge costs, and the constant, of a selection."""
    g = data.graph
    return data.constant + float(
        kernels.energy(
            g.first,
            g.u,
            g.v,
            g.columns,
            g.table_at,
            g.labels_u,
            g.labels_u_at,
            g.labels_v,
            g.labels_v_at,
            data.costs,
            data.tables,
            chosen,
        )
    )


def labels_of(graph: Graph, chosen: Ints) -> Ints:
    """[edge]: the entry of the edge's table that a selection picks."""
    row = graph.labels_u[graph.labels_u_at[:-1] + chosen[graph.u]]
    column = graph.labels_v[graph.labels_v_at[:-1] + chosen[graph.v]]
    return np.asarray(row * graph.columns + column, dtype=np.int64)


def use_of(data: Arrays, chosen: Ints) -> Floats:
    """[point]: the use of a selection."""
    steps = np.zeros(len(data.capacity) + 1)
    parts = [(data.node_uses, chosen)]
    if len(data.edge_uses.owner):
        parts.append((data.edge_uses, labels_of(data.graph, chosen)))
    for uses, picked in parts:
        kernels.use_of_nodes(
            uses.owner, uses.start, uses.stop, uses.amounts, uses.amount_at, picked, steps
        )
    return np.asarray(np.cumsum(steps)[:-1])


@dataclass(slots=True)
class Dual:
    """Prices and messages over one problem; `highest` is [resource]: the most that the prices of
    its points may sum to (infinity for a hard one).

    `bound` is the best so far, `best_prices` the prices that gave it, `excess` the messages' excess
    at these prices.
    """

    data: Arrays
    highest: Floats
    bound: float = -math.inf
    messages: Messages = field(init=False)
    prices: Floats = field(init=False)
    best_prices: Floats = field(init=False)
    excess: Floats = field(init=False)
    scale: Floats = field(init=False)
    momentum: Floats = field(init=False)
    length: float = LENGTH
    idle: int = 0
    dearest: float = -math.inf
    costs: Floats = field(init=False)
    tables: Floats = field(init=False)

    def __post_init__(self) -> None:
        data = self.data
        self.messages = Messages(data.graph)
        self.excess = self.messages.excess.copy()
        self.scale = np.ones(len(data.capacity))
        for at, end in self._resources():
            self.scale[at:end] = max(1.0, float(np.abs(data.capacity[at:end]).max(initial=0.0)))
        self.prices = np.zeros(len(data.capacity))
        for (at, end), most in zip(self._resources(), self.highest, strict=True):
            if math.isfinite(most) and end > at:
                self.prices[at:end] = most / (end - at)
        self.best_prices = self.prices.copy()
        self.momentum = np.zeros(len(data.capacity))
        self.costs, self.tables = data.costs, data.tables

    def _resources(self) -> list[tuple[int, int]]:
        at = self.data.resource_at
        return [(int(a), int(b)) for a, b in pairwise(at)]

    def step(self, value: float) -> Ints:
        """Sweep once, then move the prices; the selection decoded.

        `value` is the best known; while there is none, the dearest selection met stands for it.
        """
        self.price(self.prices)
        bound = self.messages.sweep(self.costs, self.tables) + self._offset()
        chosen = self.messages.decode(self.costs, self.tables)
        is_first = math.isinf(self.bound)
        if is_first or bound > self.bound + GAIN * abs(self.bound):
            self.idle, self.length = 0, min(1.0, self.length * LONGER)
        else:
            self.idle += 1
        is_shorter = False
        if self.idle >= PATIENCE:
            self.length, self.idle = self.length * SHORTER, 0
            is_shorter = True
        if bound > self.bound:
            self.bound = bound
            self.best_prices[:] = self.prices
            self.excess[:] = self.messages.excess
        if math.isinf(value):
            energy = energy_of(self.data, chosen)
            self.dearest = max(self.dearest, energy if math.isfinite(energy) else bound)
            value = self.dearest
        use = use_of(self.data, chosen)
        if is_first:
            self._scale_by(use)
        self._move(use, max(value - bound, 1e-3 * abs(value)))
        if is_shorter:
            self.prices[:] = self.best_prices
            self.momentum[:] = 0.0
        return chosen

    def settle(self, sweeps: int) -> None:
        """Sweep at the best prices: a better bound, and an excess that belongs to it."""
        self.price(self.best_prices)
        self.prices[:] = self.best_prices
        for _ in range(sweeps):
            bound = self.messages.sweep(self.costs, self.tables) + self._offset()
        self.bound = max(self.bound, bound)
        self.excess[:] = self.messages.excess - (self.bound - bound)

    def price(self, prices: Floats) -> None:
        """Set the costs and tables to those under `prices`."""
        data = self.data
        cumulated = np.concatenate([[0.0], np.cumsum(prices)])
        self.costs = data.costs.copy()
        pairs = [(data.graph.first, data.node_uses, self.costs)]
        if len(data.edge_uses.owner):
            self.tables = data.tables.copy()
            pairs.append((data.graph.table_at, data.edge_uses, self.tables))
        for first, uses, target in pairs:
            kernels.price_nodes(
                first,
                uses.owner,
                uses.start,
                uses.stop,
                uses.amounts,
                uses.amount_at,
                cumulated,
                target,
            )

    def _offset(self) -> float:
        """What a priced minimum is above the bound, and a little more for the rounding of sums."""
        charge = self.prices @ self.data.capacity
        rounding = ROUNDING * (self.prices @ np.abs(self.data.capacity))
        return self.data.constant - float(charge + rounding)

    def _scale_by(self, use: Floats) -> None:
        """Measure resources without any capacity by a use."""
        for at, end in self._resources():
            if not self.data.capacity[at:end].any():
                self.scale[at:end] = float(np.abs(use[at:end]).max(initial=0.0)) or 1.0

    def _move(self, use: Floats, distance: float) -> None:
        slope = (use - self.data.capacity) / self.scale
        followed = self._followed(slope)
        if not followed.any():
            self.momentum[:] = 0.0  # what is left of it would be followed by ever larger steps
            return
        self.momentum *= MOMENTUM
        self.momentum += (1.0 - MOMENTUM) * slope
        direction = self._followed(self.momentum)
        # Where slopes turn round the momentum is almost nothing; a step must not grow for that.
        norm = max(float(direction @ direction), float(followed @ followed))
        moved = self.prices * self.scale + self.length * distance / norm * direction
        self.prices = np.maximum(0.0, moved) / self.scale
        for (at, end), most in zip(self._resources(), self.highest, strict=True):
            if float(self.prices[at:end].sum()) > most:
                self.prices[at:end] = onto_simplex(self.prices[at:end], float(most))

    def _followed(self, slope: Floats) -> Floats:
        """A slope as far as prices can follow it."""
        direction = slope.copy()
        for (at, end), most in zip(self._resources(), self.highest, strict=True):
            prices = self.prices[at:end]
            if most > 0.0 and float(prices.sum()) >= most * (1.0 - FULL):
                common = float(direction[at:end][prices > 0.0].mean())
                direction[at:end] -= max(common, 0.0)
        direction[(self.prices <= 0.0) & (direction < 0.0)] = 0.0
        return direction


def onto_simplex(values: Floats, total: float) -> Floats:
    """The nearest values of this sum that are not negative (Held, Wolfe & Crowder, "Validation of
    Subgradient Optimization", 1974)."""
    ordered = np.sort(values)[::-1]
    excess = (np.cumsum(ordered) - total) / np.arange(1, len(values) + 1)
    last = int(np.flatnonzero(ordered >= excess)[-1])
    return np.asarray(np.maximum(values - excess[last], 0.0))
