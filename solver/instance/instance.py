"""A checked instance: flat arrays, so that it passes to another process at once."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from solver.engine.problem import Floats

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class NodePin:
    """Holds where each of its nodes takes one of the strategies given for it.

    `nodes` pairs a node with its allowed strategies; `weight` is paid once when the pin is broken,
    infinity for one that must hold.
    """

    name: str
    nodes: tuple[tuple[int, tuple[int, ...]], ...]
    weight: float = math.inf


@dataclass(frozen=True, eq=False)  # no slots: the offsets below are made once, on demand
class Instance:
    """Choose a strategy for every node; least cost, within the memory limit at every time.

    `intervals` is [node, 2]: a node takes memory at the times start <= t < end. `sizes` is [node],
    its number of strategies; `costs` and `usages` are the lists of all nodes one after the other.
    `ends` is [edge, 2]; `tables` holds the tables of all edges one after the other, each row-major
    over (strategy of the first node, strategy of the second). Infinity is what is forbidden.
    `limit` is infinity where there is none; `price` is paid per unit of the largest excess over
    it, infinity where nothing may exceed it. `is_integral`: every value is a whole number.
    """

    intervals: Ints
    sizes: Ints
    costs: Floats
    usages: Floats
    ends: Ints
    tables: Floats
    limit: float
    price: float
    pins: tuple[NodePin, ...]
    is_integral: bool

    @cached_property
    def starts(self) -> Ints:
        """[node]: where its strategies begin in `costs` and `usages`."""
        return offsets(self.sizes)

    @cached_property
    def cells(self) -> Ints:
        """[edge]: where its table begins in `tables`."""
        return offsets(self.sizes[self.ends[:, 0]] * self.sizes[self.ends[:, 1]])


def offsets(lengths: Ints) -> Ints:
    """Where stretches of these lengths begin when they are laid one after the other."""
    return np.cumsum(lengths) - lengths
