"""Whether any schedule exists without pins: whether one micro-batch fits.

If a schedule exists, the operators of its first micro-batch alone, in the same order, hold no
more than it does at any time; and micro-batches can run one after the other. So a schedule exists
exactly when one micro-batch can be ordered within the capacities.

An operator that allocates nothing can run as soon as its inputs are done and its workspace fits:
memory only falls, so nothing becomes impossible by it. What is left to choose is the order of the
forwards, searched depth first over sets of finished operators.
"""

from __future__ import annotations

from collections.abc import Sequence

from solver.schedule.memory import room
from solver.schedule.operators import Operators, Order


def one_by_one(operators: Operators) -> Order | None:
    """An order that runs the micro-batches one after the other, or None when none fits."""
    single = _fitting_sequence(operators)
    if single is None:
        return None
    count = operators.microbatches
    order: list[tuple[int, ...]] = []
    for machine in range(len(operators.on_machine)):
        here = [k for k in single if operators.kinds[k].machine == machine]
        order.append(tuple(k * count + m for m in range(count) for k in here))
    return tuple(order)


def _fitting_sequence(operators: Operators) -> list[int] | None:
    """All kinds, once each, in an order that respects dependencies and capacities."""
    seen: set[int] = set()  # bit sets of finished kinds, for membership only
    stack: list[list[int]] = [_release(operators, [])]
    while stack:
        done = stack.pop()
        if len(done) == len(operators.kinds):
            return done
        key = sum(1 << k for k in done)
        if key in seen:
            continue
        seen.add(key)
        held = _held(operators, done)
        for k in reversed(operators.topological):
            if not key >> k & 1 and _can_run(operators, k, key, held):
                stack.append(_release(operators, [*done, k]))
    return None


def _release(operators: Operators, done: list[int]) -> list[int]:
    """`done` followed by every operator that allocates nothing and can run, until none can."""
    key = sum(1 << k for k in done)
    held = _held(operators, done)
    grown = True
    while grown:
        grown = False
        for k in operators.topological:
            kind = operators.kinds[k]
            if key >> k & 1 or kind.allocates > 0 or not _can_run(operators, k, key, held):
                continue
            done.append(k)
            key |= 1 << k
            held[kind.machine] -= kind.releases
            grown = True
    return done


def _held(operators: Operators, done: Sequence[int]) -> list[float]:
    held = [0.0] * len(operators.on_machine)
    for k in done:
        kind = operators.kinds[k]
        held[kind.machine] += kind.allocates - kind.releases
    return held


def _can_run(operators: Operators, k: int, key: int, held: Sequence[float]) -> bool:
    kind = operators.kinds[k]
    if not all(key >> source & 1 for source, _ in kind.inputs):
        return False
    needed = held[kind.machine] + kind.allocates + kind.workspace
    return needed <= room(operators, kind.machine)
