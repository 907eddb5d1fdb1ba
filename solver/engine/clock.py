"""Time as a large search counts it: seconds, or, where runs must repeat exactly, estimated work.

The estimates are seconds per unit of work, as measured on one core with public compiler graphs.
They need not be close: they only have to be the same in every run, and of the right order, so that
a time limit means about the same in both ways of counting.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

from solver.engine.relaxation.arrays import Arrays

SWEEP_S = 2e-8  # a sweep or a step of prices, per entry of costs, tables and uses
LEAST_SWEEP_S = 5e-5  # of the smallest problem
MOVE_S = 1e-4  # a move of annealing
MODEL_S = 5e-5  # a model that CP-SAT closes, per strategy and cell of a table
LEAST_MODEL_S = 0.02  # of the smallest model


@dataclass(slots=True)
class Clock:
    """`repeats` says whether estimated work is counted instead of seconds."""

    repeats: bool
    worked: float = 0.0

    def now(self) -> float:
        """Seconds since some moment in the past."""
        return self.worked if self.repeats else time.monotonic()

    def count_sweeps(self, data: Arrays, number: int = 1) -> None:
        """Sweeps of messages, or steps of prices, are done."""
        uses = len(data.node_uses.amounts) + len(data.edge_uses.amounts)
        entries = len(data.costs) + len(data.tables) + uses
        self.worked += number * max(LEAST_SWEEP_S, SWEEP_S * entries)

    def count_moves(self, number: int) -> None:
        """Moves of annealing are done."""
        self.worked += number * MOVE_S

    def count_model(self, entries: int, limit: float, is_closed: bool) -> None:
        """CP-SAT is done with a model of so many strategies and cells, limited to `limit` seconds;
        without a proof it has used all of them."""
        estimate = max(LEAST_MODEL_S, MODEL_S * entries)
        self.worked += min(estimate, limit) if is_closed else limit
