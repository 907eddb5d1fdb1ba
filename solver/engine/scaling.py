"""From the real costs and uses of a `Problem` to the integers of a CP-SAT model.

Costs. With the least cost of every node and table taken out as `base`, a cost c with least cost m
becomes floor((c - m) / tick). So `base + tick * (objective of the model)` never exceeds the value
of the selection, and a bound on the objective is a bound on the value. The tick is 1, and nothing
is rounded, when all data are integers and their sums stay below 2**53; otherwise it is the power of
two that keeps the sums below 2**46: a value is then met to (number of terms) ticks, about 1e-12 of
the sum of all cost ranges.

Uses of a hard resource are divided by its unit (1 for integers, else a power of two as for the
tick) and rounded up, capacities down: every selection of the model fits really, and with integers
nothing that fits is lost. With other numbers a selection within about 1e-12 of the capacity may be.
A soft resource is measured in ticks of cost: uses times price rounded down, capacities up.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from solver.engine.problem import Bools, Edge, EdgeUse, Floats, NodeUse, Problem

EXACT = float(1 << 53)
ROUNDED = float(1 << 46)


@dataclass(frozen=True, slots=True)
class Scale:
    """value = base + tick * (integer objective), rounded down; `most`: the largest objective of
    interest (None: any)."""

    tick: float
    base: float
    most: int | None

    def ticks(self, costs: Floats) -> Floats:
        """Costs above their least finite one, in ticks rounded down; infinity where the cost is
        forbidden or alone exceeds `most`."""
        finite = np.isfinite(costs)
        if not finite.any():
            return np.full(costs.shape, math.inf)
        above: Floats = np.floor((costs - costs[finite].min()) / self.tick)
        if self.most is not None:
            above[above > self.most] = math.inf
        return above

    def weight(self, weight: float) -> float:
        """A pin's weight in ticks, rounded down (no more than what makes it hard)."""
        ticks = math.floor(weight / self.tick)
        return float(ticks if self.most is None else min(ticks, self.most + 1))

    def value(self, objective: float) -> float:
        """The value that an objective stands for."""
        return self.base + self.tick * objective


def allowed_strategies(problem: Problem, with_pins: bool = True) -> list[Bools]:
    """Per node, which strategies have a finite cost and break no hard pin, [strategy]."""
    masks = [np.isfinite(node.costs) for node in problem.nodes]
    for pin in problem.pins if with_pins else ():
        if pin.is_hard:
            for node, breaks in pin.breaks.items():
                masks[node] &= ~breaks
    return masks


def cost_scale(problem: Problem, allowed: list[Bools], below: float, upto: float) -> Scale:
    """The scale for selections of value less than `below` and at most `upto`."""
    tables = [n.costs[mask] for n, mask in zip(problem.nodes, allowed, strict=True)]
    tables += [live_table(edge, allowed) for edge in problem.edges]
    lows, highs = _ranges(tables)
    base = math.fsum([problem.constant, *lows])
    weights = [pin.weight for pin in problem.pins if not pin.is_hard]
    room = min(below, upto) - base
    ranges = [min(x, max(room, 0.0)) for x in (*(highs - lows), *weights)]
    total = math.fsum([*ranges, *_overflow_ranges(problem)])
    whole = _all_integers(tables) and _all_integers(_priced(problem)) and _all_integers([weights])
    tick = 1.0 if whole and total < EXACT else power_of_two(total / ROUNDED)
    if whole and tick < 1.0:
        tick = 1.0
    most = None
    if math.isfinite(room):
        strict = math.ceil((below - base) / tick) - 1 if math.isfinite(below) else math.inf
        most = int(min(strict, math.floor((upto - base) / tick)) if math.isfinite(upto) else strict)
    return Scale(tick, base, most)


def live_labels(edge: Edge, allowed: list[Bools]) -> tuple[Bools, Bools]:
    """Which rows and columns of an edge's table allowed strategies can meet."""
    rows = np.zeros(edge.table.shape[0], dtype=bool)
    rows[edge.labels_u[allowed[edge.u]]] = True
    columns = np.zeros(edge.table.shape[1], dtype=bool)
    columns[edge.labels_v[allowed[edge.v]]] = True
    return rows, columns


def live_table(edge: Edge, allowed: list[Bools]) -> Floats:
    """The part of an edge's table that allowed strategies can meet, [row, column]."""
    rows, columns = live_labels(edge, allowed)
    return edge.table[rows][:, columns]


def unit_of(amounts: Iterable[Floats], capacity: Floats) -> float:
    """The unit of a hard resource: 1 for integers, else a power of two."""
    parts = [np.ravel(a) for a in amounts]
    total = math.fsum(float(np.abs(a).max(initial=0.0)) for a in parts)
    if total < EXACT and _all_integers([*parts, capacity[np.isfinite(capacity)]]):
        return 1.0
    return power_of_two(total / ROUNDED)


def power_of_two(x: float) -> float:
    """The least power of two that is at least x (1 for nothing)."""
    return 2.0 ** math.ceil(math.log2(x)) if x > 0 else 1.0


def _ranges(tables: list[Floats]) -> tuple[Floats, Floats]:
    """The least and the greatest finite entry of every table (0 where there is none)."""
    finite = [table[np.isfinite(table)] for table in tables]
    lows = np.array([part.min() if part.size else 0.0 for part in finite])
    highs = np.array([part.max() if part.size else 0.0 for part in finite])
    return lows, highs


def _priced(problem: Problem) -> list[Floats]:
    """Uses and capacities of soft resources times their price."""
    prices = [0.0 if r.is_hard else r.price for r in problem.resources]
    uses: list[NodeUse | EdgeUse] = [*problem.node_uses, *problem.edge_uses]
    parts = [use.amounts * prices[use.resource] for use in uses if prices[use.resource]]
    return parts + [
        r.capacity[np.isfinite(r.capacity)] * r.price for r in problem.resources if not r.is_hard
    ]


def _overflow_ranges(problem: Problem) -> list[float]:
    """Per soft resource, more than its overflow can ever cost."""
    uses: list[NodeUse | EdgeUse] = [*problem.node_uses, *problem.edge_uses]
    most = [float(-r.capacity.min(initial=0.0)) for r in problem.resources]
    for use in uses:
        most[use.resource] += max(0.0, float(use.amounts.max(initial=0.0)))
    return [
        m * r.price for m, r in zip(most, problem.resources, strict=True) if not r.is_hard and m > 0
    ]


def _all_integers(parts: Iterable[Floats | list[float]]) -> bool:
    rows = [np.ravel(part) for part in parts]
    flat = np.concatenate(rows) if rows else np.zeros(0)
    flat = flat[np.isfinite(flat)]
    return bool((flat == np.floor(flat)).all())
