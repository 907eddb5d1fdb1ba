"""GPipe (Huang et al. 2019): all forwards, then all backwards. Any DAG, any number of chunks per
device.

Bubble of a chain of P equal stages: (P - 1)(F + B + W). Every micro-batch is in flight at once.
"""

from __future__ import annotations

from solver.schedule.operators import Operators, Order
from solver.schedule.problem import ScheduleProblem

FUSED = True


def refusal(problem: ScheduleProblem) -> None:
    """GPipe orders every problem."""


def order(operators: Operators) -> Order:
    """Kinds in topological order, each through all micro-batches."""
    count = operators.microbatches
    devices: list[list[int]] = [[] for _ in operators.on_machine]
    for k in operators.topological:
        devices[operators.kinds[k].machine] += range(k * count, (k + 1) * count)
    return tuple(tuple(sequence) for sequence in devices)
