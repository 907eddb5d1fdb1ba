"""How many activations there is room for: what orders that follow the capacities ask."""

from __future__ import annotations

import math

from solver.schedule.memory import room
from solver.schedule.operators import Operators


def activations(operators: Operators, most: int) -> int:
    """How many activations of its largest chunk fit on the device that has room for the fewest, at
    most `most`."""
    for kind in operators.kinds:
        if kind.allocates <= 0:
            continue
        free = room(operators, kind.machine) - kind.workspace
        if free < kind.allocates * most:
            most = math.floor(max(0.0, free) / kind.allocates)
    return most
