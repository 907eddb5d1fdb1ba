"""1F1B (PipeDream-flush; Narayanan et al. 2021): one forward, one backward, after a warm-up.

Bubble of a chain of P equal stages: (P - 1)(F + B + W). Stage p holds P - p activations.
"""

from __future__ import annotations

from solver.schedule.families.warmup import alternate, one_chunk_refusal, remaining_depth
from solver.schedule.operators import Operators, Order
from solver.schedule.problem import ScheduleProblem

FUSED = True


def refusal(problem: ScheduleProblem) -> str | None:
    """1F1B takes one chunk per device."""
    return one_chunk_refusal(problem)


def order(operators: Operators) -> Order:
    """As many forwards ahead as there are chunks from here to the end."""
    depths = remaining_depth(operators)
    return alternate(operators, depths, [0] * len(depths))
