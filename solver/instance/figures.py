"""What a selection costs and takes: the figures that go into a solution document."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from solver.engine.problem import Floats, Selection
from solver.instance.instance import Instance, Ints
from solver.instance.lower import points

ROUNDING = 1e-9
"""Relative; figures that are not whole are equal up to it."""

Number = int | float
"""A whole number where all that it is made of is whole."""


@dataclass(frozen=True, slots=True)
class Memory:
    """The largest use, the first time at which it is met (None: nothing ever takes memory), and
    what is paid for its excess over a limit that has a price."""

    peak: Number
    at: int | None
    paid: Number


@dataclass(frozen=True, slots=True)
class Figures:
    """The figures of one selection. `broken` is [pin]."""

    value: Number
    memory: Memory
    broken: tuple[bool, ...]


def figures(instance: Instance, selection: Selection) -> Figures:
    """The figures of a selection that meets nothing forbidden; sums are exact."""
    memory = _memory(instance, selection)
    broken = tuple(
        any(int(selection[node]) not in allowed for node, allowed in pin.nodes)
        for pin in instance.pins
    )
    paid = [pin.weight for pin, is_broken in zip(instance.pins, broken, strict=True) if is_broken]
    parts = [*_chosen_costs(instance, selection), *paid, memory.paid]
    value = math.fsum(parts)
    return Figures(int(value) if instance.is_integral else value, memory, broken)


def _chosen_costs(instance: Instance, selection: Selection) -> list[float]:
    u, v = instance.ends[:, 0], instance.ends[:, 1]
    cells = instance.cells + selection[u] * instance.sizes[v] + selection[v]
    nodes: list[float] = instance.costs[instance.starts + selection].tolist()
    edges: list[float] = instance.tables[cells].tolist()
    return nodes + edges


def _memory(instance: Instance, selection: Selection) -> Memory:
    times = points(instance)
    if not len(times):
        return Memory(0, None, 0)
    amounts = instance.usages[instance.starts + selection]
    used = _use(instance, amounts, times)
    peak = float(used.max())
    # Whole numbers add up exactly; of others, those within rounding of the peak are the peak.
    slack = 0.0 if (amounts == np.floor(amounts)).all() else ROUNDING * peak
    first = int(np.flatnonzero(used >= peak - slack)[0])
    over = max(0.0, peak - instance.limit)
    paid = instance.price * over if math.isfinite(instance.price) else 0.0
    return Memory(whole(peak), int(times[first]), whole(paid))


def _use(instance: Instance, amounts: Floats, times: Ints) -> Floats:
    """[point]"""
    spans = np.searchsorted(times, instance.intervals)
    alive = spans[:, 0] < spans[:, 1]
    steps = np.zeros(len(times) + 1)
    np.add.at(steps, spans[alive, 0], amounts[alive])
    np.subtract.at(steps, spans[alive, 1], amounts[alive])
    return np.cumsum(steps)[:-1]


def whole(value: float) -> Number:
    """A number that is whole as an integer, so that it is written as one."""
    return int(value) if value.is_integer() else value
