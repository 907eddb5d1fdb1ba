"""DualPipe as published: every block is one operator, by simulation.

A block (`solver.schedule.families.eight_steps`) waits for all its inputs, and its results leave at
its end. A forward and a backward in one block hide the communication parts of both.
"""

from __future__ import annotations

from collections import Counter

from solver.schedule.families.eight_steps import Block, blocks
from solver.schedule.problem import Phase
from tests.schedule.instances import Times

Done = dict[tuple[Phase, int, int, int], float]
"""Phase, chain (0: down the devices), micro-batch, device -> end."""


def makespan(devices: int, microbatches: int, times: Times, communication: float) -> float:
    """The end of the last block, with `microbatches` in each direction; `communication` is the
    share of F and B that a block with both hides."""
    half = devices // 2
    rows = [blocks(min(d, devices - 1 - d), half, microbatches) for d in range(devices)]
    done: Done = {}
    free = [0.0] * devices
    taken: list[Counter[tuple[Phase, int]]] = [Counter() for _ in rows]
    position = [0] * devices
    is_moving = True
    while is_moving:
        is_moving = False
        for d, row in enumerate(rows):
            while position[d] < len(row):
                block = row[position[d]]
                steps = _numbered(block, taken[d], is_lower=d < half)
                ready = _ready(steps, d, devices, done)
                if ready is None:
                    break
                free[d] = max(free[d], ready) + _duration(block, times, communication)
                done |= {(*step, d): free[d] for step in steps}
                taken[d].update(block)
                position[d] += 1
                is_moving = True
    if any(place < len(row) for place, row in zip(position, rows, strict=True)):
        raise RuntimeError("DualPipe's blocks wait for each other in a circle")
    return max(free)


def _numbered(
    block: Block, taken: Counter[tuple[Phase, int]], is_lower: bool
) -> list[tuple[Phase, int, int]]:
    """Phase, chain and micro-batch of every step; no block has the same step twice."""
    return [(phase, part if is_lower else 1 - part, taken[phase, part]) for phase, part in block]


def _ready(
    steps: list[tuple[Phase, int, int]], device: int, devices: int, done: Done
) -> float | None:
    """When all inputs of a block are there; None where one is still to be made."""
    ready = 0.0
    for phase, chain, microbatch in steps:
        down = (chain == 0) == (phase == "F")
        source = device - 1 if down else device + 1
        if phase == "W" or not 0 <= source < devices:
            continue
        end = done.get((phase, chain, microbatch, source))
        if end is None:
            return None
        ready = max(ready, end)
    return ready


def _duration(block: Block, times: Times, communication: float) -> float:
    phases = [phase for phase, _ in block]
    serial = sum(times["FBW".index(phase)] for phase in phases)
    if "F" in phases and "B" in phases:
        serial -= communication * (times[0] + times[1])
    return serial
