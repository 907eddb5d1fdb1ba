"""From seconds and bytes to integers.

Where all numbers are multiples of one quantum, the integers are exact. Otherwise times and
demands are rounded down: the integer problem is then a relaxation, so its bound holds for the
real problem; the order found is always re-timed and its memory checked in the real numbers.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from solver.schedule.memory import room
from solver.schedule.operators import Operators, with_times

EXACT_HORIZON = 1e9
"""Most ticks of a horizon with an exact quantum."""
ROUNDED_HORIZON = 1e7
"""Ticks of a horizon without one: 64-bit sums stay far away, rounding is about 1e-5 of a step."""
ROUNDED_CAPACITY = 1e6
"""Memory units of a capacity whose demands share no quantum: times 1e7 ticks, it fits 64 bits."""

_DENOMINATORS = np.arange(1, 1001)
_NOISE = 1e-9


@dataclass(frozen=True, slots=True)
class Ticks:
    """`operators` in integer ticks of `seconds` each."""

    operators: Operators
    seconds: float


def in_ticks(operators: Operators, horizon: float) -> Ticks:
    """The operators in ticks, for schedules of at most `horizon` seconds."""
    delays = [[delay for _, delay in kind.inputs] for kind in operators.kinds]
    durations = [kind.duration for kind in operators.kinds]
    weights = [wish.weight for wish in operators.wishes]
    times = [*durations, *operators.tails, *(delay for row in delays for delay in row), *weights]
    quantum = common_quantum(times)
    exact = quantum is not None and horizon <= EXACT_HORIZON * quantum
    seconds = quantum if quantum is not None and exact else horizon / ROUNDED_HORIZON
    ticked = with_times(
        operators,
        [_units(time, seconds) for time in durations],
        [[_units(time, seconds) for time in row] for row in delays],
        [_units(time, seconds) for time in operators.tails],
        [_units(time, seconds) for time in weights],
    )
    return Ticks(ticked, seconds)


@dataclass(frozen=True, slots=True)
class MemoryUnits:
    """What kinds of one device allocate, release and need as workspace, in integer units."""

    capacity: int
    releases: dict[int, int]
    workspace: dict[int, int]


def in_memory_units(operators: Operators, device: int) -> MemoryUnits | None:
    """The memory of `device` in integers, None when it can hold everything at once."""
    kinds = {k: operators.kinds[k] for k in operators.on_machine[device]}
    total = operators.microbatches * sum(kind.allocates for kind in kinds.values())
    capacity = room(operators, device)
    if total + max((kind.workspace for kind in kinds.values()), default=0.0) <= capacity:
        return None
    sizes = [size for kind in kinds.values() for size in (kind.releases, kind.workspace)]
    quantum = common_quantum(sizes)
    if quantum is None or capacity > ROUNDED_CAPACITY * quantum:
        quantum = capacity / ROUNDED_CAPACITY
    return MemoryUnits(
        math.floor(capacity / quantum),
        {k: _units(kind.releases, quantum) for k, kind in kinds.items()},
        {k: _units(kind.workspace, quantum) for k, kind in kinds.items()},
    )


def common_quantum(values: Iterable[float]) -> float | None:
    """The largest q = smallest value / n, n up to 1000, of which all `values` are multiples.

    None when there is none; 1.0 when all values are zero.
    """
    positive = np.array(sorted({value for value in values if value > 0.0}))
    if not len(positive):
        return 1.0
    multiples = np.outer(_DENOMINATORS, positive / positive[0])
    whole = np.abs(multiples - np.rint(multiples)) <= _NOISE * multiples
    found = np.flatnonzero(whole.all(axis=1))
    return float(positive[0] / _DENOMINATORS[found[0]]) if len(found) else None


def _units(value: float, quantum: float) -> int:
    """`value` in whole units, rounded down, noise aside."""
    units = value / quantum
    nearest = round(units)
    return nearest if abs(units - nearest) <= _NOISE * max(1.0, units) else math.floor(units)
