"""What CP-SAT decides in one solve: the order of some operators, everything else kept.

The whole problem is the neighbourhood of all operators. In a window, operators before it are
fixed at their times and those after it keep their order: what they demand is summarised exactly
by heads and tails of the free operators, so that the makespan of the model is the makespan of the
whole schedule.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from solver.schedule.heads import Margins
from solver.schedule.operators import Operators, Order


@dataclass(frozen=True, slots=True)
class Neighbourhood:
    """Free operators, their margins in ticks, and the frame around them.

    `before[d]` and `after[d]` are the fixed operators of device d; `opening[d]` is when the
    device falls free; `hint` has the current start of every free operator; `upper` is the current
    makespan, `lower` a bound on that of every schedule which keeps the frame.
    """

    operators: Operators
    free: tuple[int, ...]
    heads: dict[int, int]
    tails: dict[int, int]
    before: Order
    after: Order
    opening: tuple[int, ...]
    hint: dict[int, int]
    lower: int
    upper: int


def whole(
    operators: Operators, around: Margins, starts: Sequence[float], lower: int, upper: int
) -> Neighbourhood:
    """All operators free; `operators` and `starts` in ticks."""
    count = operators.microbatches
    free = tuple(range(operators.count))
    nothing: Order = tuple(() for _ in operators.on_device)
    return Neighbourhood(
        operators,
        free,
        {op: int(around.heads[op // count][op % count]) for op in free},
        {op: int(around.tails[op // count][op % count]) for op in free},
        nothing,
        nothing,
        tuple(0 for _ in nothing),
        {op: int(starts[op]) for op in free},
        lower,
        upper,
    )


def window(
    operators: Operators,
    around: Margins,
    sequence: Sequence[int],
    starts: Sequence[float],
    first: int,
    size: int,
    upper: int,
) -> Neighbourhood:
    """The operators `first` to `first + size` of `sequence` (see `retime.by_start`) free."""
    count = operators.microbatches
    kinds = operators.kinds
    free = tuple(sequence[first : first + size])
    early, late = sequence[:first], sequence[first + size :]
    opening = [0] * len(operators.on_device)
    for op in early:
        kind = kinds[op // count]
        opening[kind.device] = int(starts[op] + kind.duration)
    inside = set(free)  # for membership only
    tails, final = _tails(operators, late)
    heads: dict[int, int] = {}
    chosen: dict[int, int] = {}
    lower = max(a + b for a, b in zip(opening, final, strict=True))
    for op in early:
        k, m = divmod(op, count)
        for target, delay in kinds[k].outputs:
            out = target * count + m
            arrival = int(starts[op] + kinds[k].duration + delay)
            if out in inside:
                heads[out] = max(heads.get(out, 0), arrival)
            else:
                lower = max(lower, arrival + int(kinds[target].duration) + tails.get(out, 0))
    for op in free:
        k, m = divmod(op, count)
        heads[op] = max(heads.get(op, 0), opening[kinds[k].device], int(around.heads[k][m]))
        chosen[op] = max(tails.get(op, 0), final[kinds[k].device], int(around.tails[k][m]))
    return Neighbourhood(
        operators,
        free,
        heads,
        chosen,
        _by_device(operators, early),
        _by_device(operators, late),
        tuple(opening),
        {op: int(starts[op]) for op in free},
        lower,
        upper,
    )


def _tails(operators: Operators, late: Sequence[int]) -> tuple[dict[int, int], list[int]]:
    """Longest way through the kept order of `late` from the end of an operator to the end of all.

    For operators of `late` and for free operators that feed them; and, per device, from the end
    of its last operator outside `late`.
    """
    count = operators.microbatches
    kinds = operators.kinds
    tails: dict[int, int] = {}
    final = [int(tail) for tail in operators.tails]
    for op in reversed(late):
        k, m = divmod(op, count)
        kind = kinds[k]
        tails[op] = max(tails.get(op, 0), final[kind.device])
        through = tails[op] + int(kind.duration)
        final[kind.device] = through
        for source, delay in kind.inputs:
            feeding = source * count + m
            tails[feeding] = max(tails.get(feeding, 0), through + int(delay))
    return tails, final


def _by_device(operators: Operators, sequence: Sequence[int]) -> Order:
    devices: list[list[int]] = [[] for _ in operators.on_device]
    for op in sequence:
        devices[operators.kinds[op // operators.microbatches].device].append(op)
    return tuple(tuple(ops) for ops in devices)
