"""ZB-H2 (Qi et al. 2023): a longer warm-up fills the idle time before the first backward.

At equal times of F, B and W no device idles between its first and last operator of a chain of P
stages: the makespan exceeds a device's work by the ramp (P - 1) F only. Every stage holds 2P - 1
activations.
"""

from __future__ import annotations

from solver.schedule.families.warmup import alternate, one_chunk_refusal, remaining_depth
from solver.schedule.operators import Operators, Order
from solver.schedule.problem import ScheduleProblem

FUSED = False


def refusal(problem: ScheduleProblem) -> str | None:
    """ZB-H2 takes one chunk per device."""
    return one_chunk_refusal(problem)


def order(operators: Operators) -> Order:
    """2 (P - p) - 1 forwards ahead on stage p, weight gradients 2p behind."""
    depths = remaining_depth(operators)
    ahead = [2 * depth - 1 for depth in depths]
    return alternate(operators, ahead, [2 * (max(depths) - depth) for depth in depths])
