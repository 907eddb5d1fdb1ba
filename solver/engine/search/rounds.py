"""Rounds of annealing at several temperatures, each from a selection; those that gain come again.

Temperatures are shares of the selection's value. The next round has the temperature with the best
gain per second so far, where one that was never tried counts as the best.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np

from solver.engine.clock import Clock
from solver.engine.problem import Bools, Floats
from solver.engine.relaxation.arrays import Arrays, Ints
from solver.engine.relaxation.dual import energy_of
from solver.engine.search.anneal import Annealer

TEMPERATURES = (1e-5, 1e-4, 1e-3, 1e-2, 1e-1)  # of the selection's value, at the start of a round
COOLING = 1e-2  # temperature at the end of a round, of that at its start
FIRST, LEAST = 5_000, 2_000  # moves of the first round, and of the shortest
WORTHWHILE = 5e-3  # relative gain per second below which annealing is no longer all that is tried


@dataclass(slots=True)
class Rounds:
    """What is known of each temperature ([temperature], relative gain per second), and how many
    moves fit into a second."""

    data: Arrays
    clock: Clock
    annealer: Annealer = field(init=False)
    gains: Floats = field(init=False)
    pace: float = math.nan

    def __post_init__(self) -> None:
        self.annealer = Annealer(self.data)
        self.gains = np.full(len(TEMPERATURES), math.inf)

    @property
    def are_worthwhile(self) -> bool:
        """Whether another round promises a gain."""
        return bool(self.gains.max() >= WORTHWHILE)

    def run(self, chosen: Ints, room: Floats, possible: Bools, length: float, seed: int) -> Ints:
        """The best selection met in one round of about `length` seconds among the strategies
        ([strategy]) that are possible; `room` is [point] what `chosen`, which fits, leaves."""
        number = int(np.argmax(self.gains))
        began, before = self.clock.now(), energy_of(self.data, chosen)
        scale = abs(before) or 1.0
        hot = TEMPERATURES[number] * scale
        moves = FIRST if math.isnan(self.pace) else max(LEAST, int(self.pace * length))
        found = self.annealer.run(chosen, room, possible, moves, hot, COOLING * hot, seed)
        self.clock.count_moves(moves)
        took = max(self.clock.now() - began, 1e-3)
        gain = max(0.0, before - energy_of(self.data, found)) / scale / took
        known = self.gains[number]
        self.gains[number] = gain if math.isinf(known) else (known + gain) / 2
        self.pace = moves / took
        return found
