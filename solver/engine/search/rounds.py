"""Rounds of annealing at several temperatures, each from the incumbent; those that gain come again.

Temperatures are shares of the incumbent's value. The next round has the temperature with the best
gain per second so far, where one that was never tried counts as the best.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np

from solver.engine.clock import Clock
from solver.engine.problem import Bools, Floats
from solver.engine.relaxation.arrays import Arrays
from solver.engine.search.anneal import Annealer
from solver.engine.search.incumbent import Incumbent

TEMPERATURES = (1e-5, 1e-4, 1e-3, 1e-2, 1e-1)  # of the incumbent's value, at the start of a round
COOLING = 1e-2  # temperature at the end of a round, of that at its start
FIRST, LEAST = 5_000, 2_000  # moves of the first round, and of the shortest
WORTHWHILE = 1e-3  # relative gain per second below which annealing ends


@dataclass(slots=True)
class Rounds:
    """Anneals `incumbent`, which must fit."""

    data: Arrays
    incumbent: Incumbent
    clock: Clock
    rng: np.random.Generator
    annealer: Annealer = field(init=False)
    gains: Floats = field(init=False)
    moves: int = FIRST

    def __post_init__(self) -> None:
        self.annealer = Annealer(self.data)
        self.gains = np.full(len(TEMPERATURES), math.inf)

    @property
    def are_worthwhile(self) -> bool:
        """Whether another round promises a gain."""
        return bool(self.gains.max() >= WORTHWHILE)

    def run(self, possible: Bools, length: float) -> None:
        """One round among the strategies ([strategy]) that are possible; the next one is to take
        `length` seconds."""
        number = int(np.argmax(self.gains))
        began, before = self.clock.now(), self.incumbent.value
        scale = abs(before) or 1.0
        self._anneal(TEMPERATURES[number] * scale, possible)
        self.clock.count_moves(self.moves)
        took = max(self.clock.now() - began, 1e-3)
        gain, known = (before - self.incumbent.value) / scale / took, self.gains[number]
        self.gains[number] = gain if math.isinf(known) else (known + gain) / 2
        self.moves = max(LEAST, int(self.moves / took * length))

    def _anneal(self, hot: float, possible: Bools) -> None:
        chosen, room = self.incumbent.chosen, self.incumbent.room
        assert chosen is not None
        seed = int(self.rng.integers(2**31))
        self.incumbent.offer(
            self.annealer.run(chosen, room, possible, self.moves, hot, COOLING * hot, seed)
        )
