"""V-Min (Qi et al. 2024, arXiv 2405.15362): a V of two chunks per device, a third of the memory of
1F1B.

The block (see `building_block`) advances one device per slot all the way: down, up, down and up.
On P devices an activation of the first and one of the second chunk are then kept for 4P slots
together. With W, every device holds at most 2 ((P + 4) // 3) activations of a chunk, or (P + 4) //
3 of a stage: the published figure, whatever the times of the operators.

At equal times of F, B and W the bubble is 4P - 7, or 4P - 5 where P = 3k + 1, in units of one
operator, from P micro-batches on and for P from 2 to 16 (the paper has about 4P). The bubble of the
makespan and that of the span are the same, since the first device runs first and last.
"""

from __future__ import annotations

from solver.schedule.families.building_block import BlockSlots, repeat
from solver.schedule.families.two_chunks import v_order, v_refusal
from solver.schedule.operators import Operators, Order
from solver.schedule.problem import ScheduleProblem

FUSED = False


def refusal(problem: ScheduleProblem) -> str | None:
    """V-Min takes a chain in the shape of a V."""
    return v_refusal(problem)


def order(operators: Operators) -> Order:
    """The repeated block."""
    return v_order(operators, repeat(block(len(operators.capacity)), operators.microbatches))


def block(devices: int) -> list[BlockSlots]:
    """Backwards wait two slots where they would meet the forwards of a later micro-batch."""
    turn = 2 * devices + (2 if devices % 3 == 0 else 0)
    ups = [2 * devices - 1 - device for device in range(devices)]
    return [(d, up, turn + d, turn + up) for d, up in enumerate(ups)]
