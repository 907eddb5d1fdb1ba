"""ZB-H1 (Qi et al. 2023, "Zero Bubble Pipeline Parallelism"): 1F1B whose late stages put W off.

Bubble of a chain of P stages at equal times: (P - 1)(F + B - W). Every stage holds P activations,
which is what the first stage of 1F1B holds.
"""

from __future__ import annotations

from solver.schedule.families.warmup import alternate, one_chunk_refusal, remaining_depth
from solver.schedule.operators import Operators, Order
from solver.schedule.problem import ScheduleProblem

FUSED = False


def refusal(problem: ScheduleProblem) -> str | None:
    """ZB-H1 takes one chunk per device."""
    return one_chunk_refusal(problem)


def order(operators: Operators) -> Order:
    """Warm-up of 1F1B; stage p's weight gradients trail by p."""
    depths = remaining_depth(operators)
    return alternate(operators, depths, [max(depths) - depth for depth in depths])
