"""Heads and tails: the earliest start of every operator, and the least time from its end to the
end of all.

A head is the largest of
- the end of an input plus its delay, of the same kind one micro-batch earlier, and of the release
  that the in-flight limit of a chunk demands (`InFlight`);
- the device's first possible start plus the work that must precede on the same device: m operators
  of the same kind, m + 1 of every kind it depends on, and the releases its allocation waits for.
Tails are the heads of the problem run backwards in time (last micro-batch first, inputs and outputs
exchanged, release before allocation instead of after).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from solver.schedule.memory import InFlight, in_flight_limits
from solver.schedule.operators import Operators


@dataclass(frozen=True, slots=True)
class Margins:
    """`heads[kind][microbatch]` and `tails[kind][microbatch]`, in the time unit of the
    operators."""

    heads: list[list[float]]
    tails: list[list[float]]


def margins(operators: Operators) -> Margins:
    """Valid heads and tails under micro-batches in order."""
    limits = in_flight_limits(operators)
    forwards = _heads(operators, limits, operators.ready)
    count = operators.microbatches

    def flip(op: int) -> int:
        """The operator of the same kind when micro-batches are counted from the last."""
        return op - 2 * (op % count) + count - 1

    mirror = replace(
        operators,
        kinds=tuple(replace(k, inputs=k.outputs, outputs=k.inputs) for k in operators.kinds),
        topological=tuple(reversed(operators.topological)),
        musts=tuple((flip(after), flip(before)) for before, after in operators.musts),
    )
    back = tuple(InFlight(one.releasing, one.allocating, one.count) for one in limits)
    backwards = _heads(mirror, back, operators.tails)
    return Margins(forwards, [list(reversed(row)) for row in backwards])


def _heads(
    operators: Operators, limits: Sequence[InFlight], ready: Sequence[float]
) -> list[list[float]]:
    """Heads when machine d takes no operator before `ready[d]`.

    A pin counts only where it looks back to micro-batches that are done: a weaker head is a valid
    one.
    """
    count = operators.microbatches
    musts: dict[int, list[int]] = {}
    for before, later in operators.musts:
        musts.setdefault(later, []).append(before)
    work = _work_before(operators, limits, ready)
    by_kind: list[list[tuple[int, int]]] = [[] for _ in operators.kinds]
    for one in limits:
        by_kind[one.allocating].append((one.releasing, one.count))
    duration = [kind.duration for kind in operators.kinds]
    arrivals = [
        [(source, delay + duration[source]) for source, delay in kind.inputs]
        for kind in operators.kinds
    ]
    for m in range(operators.microbatches):
        for k in operators.topological:
            row = work[k]
            head = row[m]
            if m and row[m - 1] + duration[k] > head:
                head = row[m - 1] + duration[k]
            for source, after in arrivals[k]:
                if work[source][m] + after > head:
                    head = work[source][m] + after
            for releasing, held in by_kind[k]:
                if m >= held and work[releasing][m - held] + duration[releasing] > head:
                    head = work[releasing][m - held] + duration[releasing]
            for before in musts.get(k * count + m, ()):
                other = work[before // count][before % count] + duration[before // count]
                head = max(head, other)
            row[m] = head
    return work


def first_heads(operators: Operators, ready: Sequence[float]) -> list[float]:
    """The head of each kind by dependencies alone, for one micro-batch."""
    heads = [ready[kind.machine] for kind in operators.kinds]
    for k in operators.topological:
        for source, delay in operators.kinds[k].inputs:
            heads[k] = max(heads[k], heads[source] + operators.kinds[source].duration + delay)
    return heads


def _work_before(
    operators: Operators, limits: Sequence[InFlight], ready: Sequence[float]
) -> list[list[float]]:
    """First possible start of the device plus the work on it that must precede each operator."""
    first = first_heads(operators, ready)
    ancestors = _ancestors_on_machine(operators)
    numbers = np.arange(operators.microbatches)
    result: list[list[float]] = []
    for k, kind in enumerate(operators.kinds):
        start = min(first[other] for other in operators.on_machine[kind.machine])
        before = dict.fromkeys(ancestors[k], numbers + 1)
        before[k] = numbers
        for one in limits:
            if one.allocating == k or one.allocating in ancestors[k]:
                _need(before, [one.releasing, *ancestors[one.releasing]], numbers + 1 - one.count)
        total = np.zeros(operators.microbatches)
        for other, counts in before.items():
            total = total + counts * operators.kinds[other].duration
        result.append([start + value for value in total.tolist()])
    return result


def _need(
    before: dict[int, NDArray[np.int64]], kinds: Sequence[int], counts: NDArray[np.int64]
) -> None:
    """Raise the numbers of operators of `kinds` that precede to `counts`, never below zero."""
    for kind in kinds:
        before[kind] = np.maximum(before.get(kind, 0), np.maximum(counts, 0))


def _ancestors_on_machine(operators: Operators) -> list[list[int]]:
    """For every kind those on its device it depends on, directly or not, ascending."""
    reach = [0] * len(operators.kinds)  # bit sets: thousands of unions cost nothing
    for k in operators.topological:
        for source, _ in operators.kinds[k].inputs:
            reach[k] |= reach[source] | 1 << source
    return [
        [other for other in operators.on_machine[kind.machine] if reach[k] >> other & 1]
        for k, kind in enumerate(operators.kinds)
    ]
