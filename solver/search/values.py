"""What a selection takes and breaks: bytes, pins."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from solver.cost.collectives import Floats
from solver.sharding.problem import Selection, ShardingProblem
from solver.space.pins import PinMasks
from solver.stages.figures import figures
from solver.stages.pattern import Pattern


def soft_penalties(pins: Sequence[PinMasks]) -> dict[int, Floats]:
    """A valid lower bound on penalties, node by node: a pin's weight is shared by its nodes."""
    penalties: dict[int, Any] = {}
    for pin in pins:
        if pin.is_hard or not pin.nodes:
            continue
        share = (pin.pin.weight or 0.0) / len(pin.nodes)
        for number, breaks in pin.nodes.items():
            penalties[number] = penalties.get(number, 0.0) + share * breaks
    return penalties


def broken(problem: ShardingProblem, pin: PinMasks, selection: Selection) -> bool:
    """Whether a selection breaks a pin on operators or storage."""
    if any(breaks[selection.strategies[n]] for n, breaks in pin.nodes.items()):
        return True
    for number, breaks in pin.stores.items():
        store = problem.stores[number]
        label = store.labels[selection.strategies[store.node]]
        if breaks[label, selection.storage[number]]:
            return True
    return False


def peak_bytes(
    problem: ShardingProblem, pattern: Pattern, held: list[int], selection: Selection
) -> Floats:
    """Bytes per stage with `held[c]` micro-batches in every chunk c."""
    f = figures(problem, selection, pattern)
    return f.static + f.buffers + f.on_stages(np.array(held) * f.saved)


def penalty(problem: ShardingProblem, pins: Sequence[PinMasks], selection: Selection) -> float:
    """The weights of soft pins on operators or storage that a selection breaks."""
    return sum(
        pin.pin.weight or 0.0 for pin in pins if not pin.is_hard and broken(problem, pin, selection)
    )
