"""The published bubble rates of the zero-bubble paper as scheduling problems.

Source: Qi et al., "Zero Bubble Pipeline Parallelism" (arXiv 2401.10241), tables 5 and 9. A bubble
rate is (cost - M (F + B + W)) / cost, where cost is the largest span: the longest time from the
first start to the last end of a stage. Transfers take time but no device and no link.

Activations, per layer and in units of s b h: a forward allocates M_B = 34 + 5 a s / h, of which
M_W = 32 are kept from the end of B to that of W (table 1 of the paper; Korthikanti et al. 2022).
The published limits, P M_B for ZB-1p and 2P M_B for ZB-2p, count in this unit.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from solver.schedule import ScheduleProblem
from tests.schedule.instances import pipeline

DATA = Path(__file__).parent.parent / "data" / "zero_bubble_rates.csv"
SHAPES = {"1.5B": (24, 2304), "6.2B": (32, 4096)}
"""Attention heads and hidden size; the sequence is 1024 long in both models."""
SEQUENCE = 1024
ROUNDED = 5e-5
"""The published rates have four decimals."""


@dataclass(frozen=True, slots=True)
class Published:
    """A row: times in microseconds, exact as published; bubble rates per schedule."""

    model: str
    stages: int
    microbatches: int
    forward: int
    input_grad: int
    weight_grad: int
    transfer: int
    rates: dict[str, float]

    @property
    def work(self) -> int:
        """Microseconds that every stage computes."""
        return self.microbatches * (self.forward + self.input_grad + self.weight_grad)

    def rate(self, cost: float) -> float:
        """The bubble rate of a largest span of `cost` microseconds."""
        return (cost - self.work) / cost

    def problem(
        self, memory: float, family: str | None = None, early_release: bool = True
    ) -> ScheduleProblem:
        """The row with `memory` activations per stage and the largest span as objective.

        Without `early_release` a whole activation is held until W: less room than in the paper.
        """
        times = (self.forward, self.input_grad, self.weight_grad)
        base = pipeline(
            self.stages, self.microbatches, times, memory, delay=self.transfer, family=family
        )
        heads, hidden = SHAPES[self.model]
        kept = 32 / (34 + 5 * heads * SEQUENCE / hidden) if early_release else 1.0
        chunks = tuple(replace(c, released_by_input_grad=1.0 - kept) for c in base.chunks)
        return replace(base, chunks=chunks, objective="span")


def published() -> Iterator[Published]:
    """All rows of the table."""
    with DATA.open(encoding="utf-8") as file:
        for row in csv.DictReader(line for line in file if not line.startswith("#")):
            yield Published(
                row["model"],
                int(row["stages_p"]),
                int(row["microbatches_m"]),
                _microseconds(row["T_F_ms"]),
                _microseconds(row["T_B_ms"]),
                _microseconds(row["T_W_ms"]),
                _microseconds(row["T_comm_ms"]),
                {k.removeprefix("bubble_"): float(v) for k, v in row.items() if "bubble_" in k},
            )


def _microseconds(milliseconds: str) -> int:
    return round(1000 * float(milliseconds))
