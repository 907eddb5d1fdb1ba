"""Schedules of two chunks per device, written as steps without micro-batch numbers.

Micro-batches are in order within every kind of operator, so that the n-th step of a phase and chunk
is that of micro-batch n. A schedule that is written for more micro-batches than there are is cut:
the operators of a prefix of the micro-batches depend on each other only.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from solver.schedule.operators import Operators, Order
from solver.schedule.problem import Phase, ScheduleProblem

Step = tuple[Phase, int]
"""A phase of one of the two chunks of a device: 0 is the one nearer to the input in a V."""
STEPS: tuple[tuple[Step, Step, Step], ...] = (
    (("F", 0), ("B", 0), ("W", 0)),
    (("F", 1), ("B", 1), ("W", 1)),
)
"""F, B and W of either chunk."""


def v_refusal(problem: ScheduleProblem) -> str | None:
    """Chunks must be a chain in the shape of a V: down the devices, and back up."""
    devices, chunks = problem.devices, problem.chunks
    places = [*range(devices), *reversed(range(devices))]
    if [chunk.device for chunk in chunks] != places:
        return "this schedule family takes two chunks per device, placed down the devices and back"
    if {(e.source, e.target) for e in problem.edges} != {
        (i, i + 1) for i in range(len(chunks) - 1)
    }:
        return "this schedule family takes a chain of chunks"
    return None


def v_order(operators: Operators, steps: Sequence[Iterable[Step]]) -> Order:
    """The order of a V-shaped chain whose devices take these steps."""
    last = 2 * len(steps) - 1
    return numbered(operators, steps, [(d, last - d) for d in range(len(steps))])


def numbered(
    operators: Operators, steps: Sequence[Iterable[Step]], chunks: Sequence[tuple[int, int]]
) -> Order:
    """The operators of every device's steps, where `chunks` are the two chunks of each device."""
    count, total = operators.microbatches, 2 * len(steps)
    order: list[tuple[int, ...]] = []
    for here, own in zip(steps, chunks, strict=True):
        taken: Counter[Step] = Counter()
        sequence: list[int] = []
        for phase, part in here:
            microbatch = taken[phase, part]
            taken[phase, part] += 1
            if microbatch < count:
                kind = "FBW".index(phase) * total + own[part]
                sequence.append(kind * count + microbatch)
        order.append(tuple(sequence))
    idle: Order = ((),) * (len(operators.tails) - len(order))  # machines that are not devices
    return tuple(order) + idle
