"""V-Half (Qi et al. 2024, arXiv 2405.15362): a V of two chunks per device, half the memory of 1F1B.

The block (see `building_block`) takes two slots per device on the way down and one on the way up,
in both the forward and the backward. On P devices an activation of the first and one of the second
chunk are then kept for 6P slots together. With W, every device holds at most 2 ((P + 2) // 2)
activations of a chunk, or (P + 2) // 2 of a stage: the published figure, whatever the times of the
operators.

At equal times of F, B and W the bubble is 3P - 7 for even P (1 for P = 2) and 3P - 4 for odd P, in
units of one operator, from P micro-batches on and for P from 2 to 16 (the paper has about 3P). The
bubble of the makespan and that of the span are the same: the first device runs first and last.
"""

from __future__ import annotations

from solver.schedule.families.building_block import BlockSlots, repeat
from solver.schedule.families.two_chunks import v_order, v_refusal
from solver.schedule.operators import Operators, Order
from solver.schedule.problem import ScheduleProblem

FUSED = False


def activations(devices: int) -> int:
    """How many activations of a chunk a device holds at most."""
    return 2 * ((devices + 2) // 2)


def refusal(problem: ScheduleProblem) -> str | None:
    """V-Half takes a chain in the shape of a V."""
    return v_refusal(problem)


def order(operators: Operators) -> Order:
    """The repeated block."""
    return v_order(operators, repeat(block(len(operators.capacity)), operators.microbatches))


def block(devices: int) -> list[BlockSlots]:
    """Backwards wait three slots where they would meet the forwards of a later micro-batch."""
    turn = 3 * devices - 1 + (3 if devices % 2 == 0 else 0)
    ups = [3 * devices - 2 - device for device in range(devices)]
    return [(2 * d, up, turn + 2 * d, turn + 1 + up) for d, up in enumerate(ups)]
