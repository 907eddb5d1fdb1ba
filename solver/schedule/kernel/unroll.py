"""From a kernel to an order of all operators: micro-batch m starts m periods after the first.

While the first micro-batches enter and the last ones leave, each device holds a part of what it
holds in the steady state, so an order that respects memory there does so throughout.
"""

from __future__ import annotations

from solver.schedule.kernel.model import Kernel
from solver.schedule.operators import Operators, Order


def unroll(operators: Operators, kernel: Kernel) -> Order:
    """Every machine's operators by start, operators without duration first among equals."""
    rank = {k: i for i, k in enumerate(operators.topological)}
    machines: list[tuple[int, ...]] = []
    for here in operators.on_machine:
        placed: list[tuple[int, int, int, int]] = []  # start, end, rank, operator
        for k in here:
            for m in range(operators.microbatches):
                start = kernel.starts[k] + m * kernel.period
                op = k * operators.microbatches + m
                placed.append((start, start + int(operators.kinds[k].duration), rank[k], op))
        machines.append(tuple(op for *_, op in sorted(placed)))
    return tuple(machines)
