"""Interleaved 1F1B (Narayanan et al. 2021, Megatron-LM): v chunks per device, chunk i on device i
mod P.

Micro-batches go in groups of P through the chunks of a device. Device p runs 2 (P - p - 1) + (v -
1) P forwards ahead and holds one activation of a chunk more. Bubble: (P - 1)(F + B + W) of one
chunk, 1/v of that of 1F1B.
"""

from __future__ import annotations

from solver.schedule.operators import Operators, Order
from solver.schedule.problem import ScheduleProblem

FUSED = True


def refusal(problem: ScheduleProblem) -> str | None:
    """Chunks must be a chain dealt out to the devices in turn, micro-batches a multiple of P."""
    devices, chunks = problem.devices, len(problem.chunks)
    if chunks % devices or any(c.device != i % devices for i, c in enumerate(problem.chunks)):
        return "`interleaved` deals the chunks out to the devices in turn, equally many to each"
    if {(e.source, e.target) for e in problem.edges} != {(i, i + 1) for i in range(chunks - 1)}:
        return "`interleaved` takes a chain of chunks"
    if problem.microbatches % devices:
        return f"`interleaved` needs a multiple of {devices} micro-batches"
    return None


def order(operators: Operators) -> Order:
    """Warm-up forwards, one forward and one backward in turn, the remaining backwards."""
    count, devices = operators.microbatches, len(operators.capacity)
    chunks = operators.chunks
    rounds = chunks // devices
    # Visits of a device in order: (chunk's number on the device, micro-batch).
    visits = [
        (turn, group + m)
        for group in range(0, count, devices)
        for turn in range(rounds)
        for m in range(devices)
    ]
    order: list[tuple[int, ...]] = []
    for p in range(devices):
        forward = [(turn * devices + p) * count + m for turn, m in visits]
        backward = [(chunks + (rounds - 1 - turn) * devices + p) * count + m for turn, m in visits]
        ahead = min(len(visits), 2 * (devices - p - 1) + (rounds - 1) * devices)
        sequence = forward[:ahead]
        for step, op in enumerate(backward):
            sequence += forward[ahead + step : ahead + step + 1]
            sequence.append(op)
        order.append(tuple(sequence))
    return tuple(order)
