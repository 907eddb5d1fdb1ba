"""The best selection so far, what else was good, and the best bound."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np

from solver.engine.evaluate import overflows
from solver.engine.problem import Floats, Problem
from solver.engine.relaxation.arrays import Arrays, Ints
from solver.engine.relaxation.dual import energy_of, use_of

POOL = 24
ROUNDING = 1e-9  # of a capacity: sums of floats
DEARER = 4.0  # price of overflow after no way was found to have less of it, of that before


@dataclass(slots=True)
class Incumbent:
    """`value` counts overflow of hard resources at `price`, so that a selection that does not fit
    yet can be improved; `fits` says whether it does.

    `pool` holds (value, selection), best first.
    """

    problem: Problem
    data: Arrays
    price: float = math.inf
    chosen: Ints | None = None
    value: float = math.inf
    overflow: float = math.inf
    room: Floats = field(default_factory=lambda: np.zeros(0))
    pool: list[tuple[float, Ints]] = field(default_factory=list)

    @property
    def fits(self) -> bool:
        """Whether the incumbent respects every hard capacity."""
        return self.chosen is not None and self.overflow == 0.0

    @property
    def feasible_value(self) -> float:
        """Its value if it fits, else infinity."""
        return self.value if self.fits else math.inf

    def offer(self, chosen: Ints) -> bool:
        """Keep a selection if it is better: first by whether it fits, then by value."""
        energy = energy_of(self.data, chosen)
        if math.isinf(energy):
            return False
        room = self.data.capacity - use_of(self.data, chosen)
        overflow, paid = self._overflow(chosen, room)
        if overflow and math.isinf(self.price):
            self.price = 10.0 * max(abs(energy), 1.0) / self._unit()
        value = energy + paid + (overflow * self.price if overflow else 0.0)
        if not overflow or not self.pool:
            self._remember(value, chosen)
        better = (overflow > 0, value) < (self.overflow > 0, self.value)
        if better:
            self.chosen, self.value = chosen.copy(), value
            self.overflow, self.room = overflow, room
        return better

    def _unit(self) -> float:
        """A thousandth of the largest capacity."""
        return 1e-3 * max(float(np.abs(self.data.capacity).max(initial=0.0)), 1e-300)

    def press(self) -> None:
        """Make overflow of hard resources dearer, if the incumbent has any."""
        if self.chosen is not None and not self.fits:
            self.value += self.overflow * self.price * (DEARER - 1.0)
            self.price *= DEARER

    def _overflow(self, chosen: Ints, room: Floats) -> tuple[float, float]:
        """Overflow of hard resources, and what that of soft ones costs.

        Where a hard capacity is met up to rounding, the definition decides.
        """
        over, paid = 0.0, 0.0
        at = self.data.resource_at
        for number, resource in enumerate(self.problem.resources):
            here = -room[at[number] : at[number + 1]]
            most = float(here.max(initial=0.0))
            if resource.is_hard:
                scale = float(np.abs(resource.capacity).max(initial=0.0))
                if abs(here.max(initial=-math.inf)) <= ROUNDING * scale:
                    most = overflows(self.problem, chosen)[number]
                over += most
            else:
                paid += resource.price * most
        return over, paid

    def _remember(self, value: float, chosen: Ints) -> None:
        if any(value == v and np.array_equal(chosen, x) for v, x in self.pool):
            return
        self.pool.append((value, chosen.copy()))
        self.pool.sort(key=lambda entry: entry[0])
        del self.pool[POOL:]
