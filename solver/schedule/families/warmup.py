"""The pattern behind 1F1B and the zero-bubble schedules of one chunk per device.

A device with `warmup` forwards ahead alternates backward and forward; its weight gradients trail
its input gradients by `lag` micro-batches (0: directly after). It holds warmup + lag activations
at most.
"""

from __future__ import annotations

from collections.abc import Sequence

from solver.schedule.operators import Operators, Order
from solver.schedule.problem import ScheduleProblem


def one_chunk_refusal(problem: ScheduleProblem) -> str | None:
    """The pattern needs one chunk per device; the chunks may form any DAG."""
    devices = [chunk.device for chunk in problem.chunks]
    if len(set(devices)) < len(devices):
        return "this schedule family takes one chunk per device"
    return None


def remaining_depth(operators: Operators) -> list[int]:
    """For every chunk the number of chunks on the longest way from it to an end of the graph."""
    depth: dict[int, int] = {}
    for k in reversed(operators.topological):
        kind = operators.kinds[k]
        if kind.phase != "F":
            continue
        below = [
            depth[target] for target, _ in kind.outputs if operators.kinds[target].phase == "F"
        ]
        depth[k] = (kind.chunk >= 0) + max(below, default=0)  # a message is not a chunk
    return [depth[chunk] for chunk in range(operators.chunks)]


def alternate(operators: Operators, warmups: Sequence[int], lags: Sequence[int]) -> Order:
    """The order of every device; `warmups` and `lags` are per chunk."""
    chunks = operators.chunks
    count = operators.microbatches
    devices: list[tuple[int, ...]] = [()] * len(operators.on_machine)
    for chunk in range(chunks):
        ahead = min(count, warmups[chunk])
        behind = min(count, lags[chunk])
        sequence = [chunk * count + m for m in range(ahead)]
        for m in range(count):
            sequence.append((chunks + chunk) * count + m)
            if not operators.fused and m >= behind:
                sequence.append((2 * chunks + chunk) * count + m - behind)
            if m + ahead < count:
                sequence.append(chunk * count + m + ahead)
        if not operators.fused:
            trailing = range(count - behind, count)
            sequence += [(2 * chunks + chunk) * count + m for m in trailing]
        devices[operators.kinds[chunk].machine] = tuple(sequence)
    return tuple(devices)
