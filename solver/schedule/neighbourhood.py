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

LEAST = -(1 << 60)
"""A tail that says nothing: tails are negative where machines start late (spans)."""


@dataclass(frozen=True, slots=True)
class Neighbourhood:
    """Free operators, their margins in ticks, and the frame around them.

    `before[m]` and `after[m]` are the fixed operators of machine m; `opening[m]` is when the
    machine falls free; `hint` has the current start of every free operator, or nothing; `upper` is
    the current objective, `lower` a bound on that of every schedule which keeps the frame, without
    soft pins. By `horizon` everything has ended; `ends` are those of operators that soft pins put
    first. With `spans` the largest span counts instead of the makespan; a window of a span problem
    has fixed first starts instead (`solver.schedule.span`).
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
    horizon: int
    ends: dict[int, int]
    spans: bool = False

    def latest_end(self, op: int) -> int:
        """The latest end of a free operator."""
        return (self.horizon if self.spans else self.upper) - self.tails[op]


def whole(
    operators: Operators, around: Margins, starts: Sequence[float], lower: int, upper: int
) -> Neighbourhood:
    """All operators free; `operators` and `starts` (empty: none is known) in ticks."""
    count = operators.microbatches
    free = tuple(range(operators.count))
    nothing: Order = tuple(() for _ in operators.on_machine)
    return Neighbourhood(
        operators,
        free,
        {op: int(around.heads[op // count][op % count]) for op in free},
        {op: int(around.tails[op // count][op % count]) for op in free},
        nothing,
        nothing,
        tuple(int(time) for time in operators.ready),
        {op: int(starts[op]) for op in free} if starts else {},
        lower,
        upper,
        _horizon(operators, upper) if operators.span else upper,
        {},
        operators.span,
    )


def _horizon(operators: Operators, span: int) -> int:
    """When a schedule with this span has ended, at the latest.

    Where all chunks follow one source, all gradients come back to its device, so every device works
    at some time while that one does, and starts after it: all is over within two spans. In general
    devices that depend on each other overlap so, and others may start at once.
    """
    sources = [
        k for k in range(operators.chunks) if not any(kind == "F" for kind in _into(operators, k))
    ]
    return span * (2 if len(sources) == 1 else len(operators.capacity))


def _into(operators: Operators, k: int) -> list[str]:
    return [operators.kinds[source].phase for source, _ in operators.kinds[k].inputs]


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
    opening = [int(time) for time in operators.ready]
    musts: dict[int, list[int]] = {}
    for before, after in operators.musts:
        musts.setdefault(before, []).append(after)
    for op in early:
        kind = kinds[op // count]
        opening[kind.machine] = int(starts[op] + kind.duration)
    inside = set(free)  # for membership only
    tails, final = _tails(operators, late)
    heads: dict[int, int] = {}
    chosen: dict[int, int] = {}
    lower = max(a + b for a, b in zip(opening, final, strict=True))
    for op in early:
        k, m = divmod(op, count)
        waiting = [(target * count + m, delay) for target, delay in kinds[k].outputs]
        waiting += [(after, 0.0) for after in musts.get(op, ())]
        for out, delay in waiting:
            arrival = int(starts[op] + kinds[k].duration + delay)
            target = out // count
            if out in inside:
                heads[out] = max(heads.get(out, 0), arrival)
            else:
                lower = max(lower, arrival + int(kinds[target].duration) + tails.get(out, LEAST))
    for op in free:
        k, m = divmod(op, count)
        heads[op] = max(heads.get(op, 0), opening[kinds[k].machine], int(around.heads[k][m]))
        chosen[op] = max(tails.get(op, LEAST), final[kinds[k].machine], int(around.tails[k][m]))
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
        upper + int(max(operators.ready)),
        {w.before: _end(operators, starts, w.before) for w in operators.wishes},
    )


def _end(operators: Operators, starts: Sequence[float], op: int) -> int:
    return int(starts[op] + operators.kinds[op // operators.microbatches].duration)


def _tails(operators: Operators, late: Sequence[int]) -> tuple[dict[int, int], list[int]]:
    """Longest way through the kept order of `late` from the end of an operator to the end of all.

    For operators of `late` and for free operators that feed them; and, per device, from the end
    of its last operator outside `late`.
    """
    count = operators.microbatches
    kinds = operators.kinds
    musts: dict[int, list[int]] = {}
    for before, after in operators.musts:
        musts.setdefault(after, []).append(before)
    tails: dict[int, int] = {}
    final = [int(tail) for tail in operators.tails]
    for op in reversed(late):
        k, m = divmod(op, count)
        kind = kinds[k]
        tails[op] = max(tails.get(op, LEAST), final[kind.machine])
        through = tails[op] + int(kind.duration)
        final[kind.machine] = through
        feeding = [(source * count + m, delay) for source, delay in kind.inputs]
        feeding += [(before, 0.0) for before in musts.get(op, ())]
        for before, delay in feeding:
            tails[before] = max(tails.get(before, LEAST), through + int(delay))
    return tails, final


def _by_device(operators: Operators, sequence: Sequence[int]) -> Order:
    devices: list[list[int]] = [[] for _ in operators.on_machine]
    for op in sequence:
        devices[operators.kinds[op // operators.microbatches].machine].append(op)
    return tuple(tuple(ops) for ops in devices)
