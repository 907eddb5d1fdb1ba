"""DualPipe (DeepSeek-V3 technical report, arXiv 2412.19437): two pipelines that run in opposite
directions over the same devices, which therefore hold the parameters twice.

The first chain has chunk i on device i, the second chunk P + i on device P - 1 - i; every chain
takes all micro-batches of the problem, which are half of those of the step. The bubble and the
memory are those of `eight_steps` with H = P / 2: bubble (P/2 - 1)(F&B + B - 3W) when a block is
one operator, (P/2 - 1) F at equal times of F, B and W when its parts are apart; P + 1 activations
on every device. Both take P micro-batches or more in each direction; with fewer the order holds,
the formulas do not.
"""

from __future__ import annotations

from solver.schedule.families.eight_steps import blocks
from solver.schedule.families.two_chunks import numbered
from solver.schedule.operators import Operators, Order
from solver.schedule.problem import ScheduleProblem

FUSED = False


def refusal(problem: ScheduleProblem) -> str | None:
    """Two chains, one down and one up an even number of devices."""
    devices = problem.devices
    if devices % 2:
        return "`dualpipe` takes an even number of devices"
    places = [*range(devices), *reversed(range(devices))]
    if [chunk.device for chunk in problem.chunks] != places:
        return "`dualpipe` takes two chunks per device, of one chain down the devices and one up"
    links = {(i, i + 1) for i in range(2 * devices - 1) if i != devices - 1}
    if {(e.source, e.target) for e in problem.edges} != links:
        return "`dualpipe` takes two chains of chunks, one in each direction"
    return None


def order(operators: Operators) -> Order:
    """The blocks of every device; the upper half is the mirror image of the lower half."""
    devices = len(operators.capacity)
    half, last = devices // 2, 2 * devices - 1
    count = max(operators.microbatches, devices)
    ranks = [min(d, devices - 1 - d) for d in range(devices)]
    steps = [[step for block in blocks(r, half, count) for step in block] for r in ranks]
    # Direction 0 is the chain that reaches the device first.
    chunks = [(d, last - d) if d < half else (last - d, d) for d in range(devices)]
    return numbered(operators, steps, chunks)
