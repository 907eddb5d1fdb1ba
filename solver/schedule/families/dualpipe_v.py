"""DualPipeV: DualPipe "cut in half" (Sea AI Lab 2025; published with DualPipe): a V of two chunks
per device, which holds the parameters once.

The bubble and the memory are those of `eight_steps` with H = P devices, which is half of the
number of stages that the published table calls PP: bubble (P - 1)(F&B + B - 3W) when a block is
one operator, (P - 1) F at equal times of F, B and W when its parts are apart; 2P + 1 activations of
a chunk on every device. Both take 2P micro-batches or more; with fewer the order holds, the
formulas do not.
"""

from __future__ import annotations

from solver.schedule.families.eight_steps import blocks
from solver.schedule.families.two_chunks import v_order, v_refusal
from solver.schedule.operators import Operators, Order
from solver.schedule.problem import ScheduleProblem

FUSED = False


def refusal(problem: ScheduleProblem) -> str | None:
    """DualPipeV takes a chain in the shape of a V."""
    return v_refusal(problem)


def order(operators: Operators) -> Order:
    """The blocks of every device, one after the other."""
    devices = len(operators.capacity)
    count = max(operators.microbatches, 2 * devices)
    return v_order(
        operators,
        [[step for block in blocks(d, devices, count) for step in block] for d in range(devices)],
    )
