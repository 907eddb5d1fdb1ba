"""Every order in which the stages of a tiny plan may run their operators."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from functools import cache

from solver.verify.families import fixed_order
from solver.verify.figures import Edge, Phase, StageTime
from solver.verify.simulate import phases

Row = tuple[tuple[Phase, int], ...]


def one_at_a_time(times: Sequence[StageTime], microbatches: int) -> tuple[Row, ...]:
    """One micro-batch after the other: the order that always runs and holds least."""
    return tuple(tuple((p, j) for j in range(microbatches) for p in phases(t)) for t in times)


def all_orders(
    family: str | None, times: Sequence[StageTime], edges: Sequence[Edge], microbatches: int
) -> Iterator[tuple[Row, ...]]:
    """The family's order, or all that deliver messages in the order they are sent.

    Micro-batches are alike, so the first stage's forwards are taken in ascending order. With one
    stage every order takes equally long, and no other holds less than `one_at_a_time`.
    """
    fixed = fixed_order(family, times, edges, microbatches)
    if fixed is not None:
        yield fixed
    elif len(times) == 1:
        yield one_at_a_time(times, microbatches)
    else:
        rows = [_rows(phases(time), microbatches) for time in times]
        for order in itertools.product(*rows):
            if _ascends(order[0]) and all(
                _sequence(order[e.source], phase) == _sequence(order[e.target], phase)
                for e in edges
                for phase in ("F", "B")
            ):
                yield order


def _sequence(row: Row, phase: str) -> list[int]:
    return [j for p, j in row if p == phase]


def _ascends(row: Row) -> bool:
    found = _sequence(row, "F")
    return found == sorted(found)


@cache
def _rows(wanted: tuple[Phase, ...], microbatches: int) -> tuple[Row, ...]:
    """Every sequence in which each micro-batch runs its phases one after the other."""
    partial: list[Row] = [()]
    for _ in range(len(wanted) * microbatches):
        partial = [
            (*row, (wanted[done], j))
            for row in partial
            for j in range(microbatches)
            if (done := sum(1 for _, k in row if k == j)) < len(wanted)
        ]
    return tuple(partial)
