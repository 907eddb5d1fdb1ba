"""A schedule to start from, whole or in part: the order of some actions, completed by the rest."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

from solver.schedule.greedy import list_schedule
from solver.schedule.operators import Operators, operator_at
from solver.schedule.problem import Action
from solver.schedule.starts import PRIORITIES, Timed, timed


def completed(operators: Operators, start: Sequence[Action]) -> Timed | None:
    """The best list schedule in which the actions of `start` run in their order on each machine;
    None without actions, or when none was found.

    Raises ValueError when an action is not one of the problem's, or comes twice.
    """
    if not start:
        return None
    machines: dict[int, list[int]] = {}
    for action in sorted(start, key=lambda one: (one.start, one.end)):
        op = operator_at(operators, (action.chunk, action.phase, action.microbatch))
        row = machines.setdefault(operators.kinds[op // operators.microbatches].machine, [])
        if operators.fused and row and row[-1] == op:
            continue  # W directly after the B that it is part of
        row.append(op)
    if any(len(set(row)) < len(row) for row in machines.values()):
        raise ValueError("a start has the same action twice")
    musts = [pair for row in machines.values() for pair in pairwise(row)]
    pinned = replace(operators, musts=(*operators.musts, *musts))
    best: Timed | None = None
    for priority in PRIORITIES:
        order = list_schedule(pinned, priority)
        found = None if order is None else timed(operators, order)
        if found is not None and (best is None or found.value < best.value):
            best = found
    return best
