"""From one layout of a tensor to another: which collectives, how many bytes, how long.

The state of a tensor is one small integer per sharding sub-axis: the dimension it cuts, or
`NONE`, or `PARTIAL` (solver/README.md sections 2 and 3). Sets of sub-axes are bit masks, so that
what a set costs is looked up rather than computed for every pair of states.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from solver.cost.collectives import Floats
from solver.cost.wires import NONE, PARTIAL, States, Wires

Masks = npt.NDArray[np.int64]
SLICE, WIDEN, SCATTER, REDUCE, EXCHANGE, GATHER = range(6)
STAY = -1
COLLECTIVE_NAMES = {
    SCATTER: "reduce_scatter",
    REDUCE: "all_reduce",
    EXCHANGE: "all_to_all",
    GATHER: "all_gather",
}
MOST_SUB_AXES = 20  # a million sets


def _transition_table() -> npt.NDArray[np.int8]:
    table = np.full((16, 16), EXCHANGE, dtype=np.int8)
    table[:, NONE] = GATHER
    table[:, PARTIAL] = WIDEN
    table[NONE, :] = SLICE
    table[PARTIAL, :] = SCATTER
    table[PARTIAL, NONE] = REDUCE
    table[NONE, PARTIAL] = STAY
    np.fill_diagonal(table, STAY)
    return table


_TRANSITION = _transition_table()


@dataclass(frozen=True, slots=True)
class Steps:
    """The collectives of a redistribution, [kind]: the set of sub-axes that take part, bytes per
    collective, seconds (zero where it has no sub-axis)."""

    members: Masks
    volume: Floats
    seconds: Floats


def _tables(wires: Wires) -> tuple[npt.NDArray[Any], ...]:
    """The arrays that `solver.cost.redistribution_kernels` reads, in its order."""
    return (wires.degree, wires.case, wires.pieces)


def redistribute(source: States, target: States, whole: float, wires: Wires) -> Steps:
    """The steps from one state ([sub-axis]) to another; `whole` are the bytes of the tensor in a
    micro-batch, before any cut."""
    from solver.cost import redistribution_kernels as kernels

    found = Steps(np.zeros(6, dtype=np.int64), np.zeros(6), np.zeros(6))
    local = float(wires.local_elements(source, whole))
    kernels.steps(
        source,
        target,
        local,
        _TRANSITION,
        *_tables(wires),
        found.members,
        found.volume,
        found.seconds,
    )
    return found


def seconds_between(
    sources: States, targets: States, whole: float, wires: Wires, keep_partial: bool = False
) -> Floats:
    """[source, target] seconds of a redistribution between rows of states ([row, sub-axis]).

    With `keep_partial`, what is partial and would become whole stays partial.
    """
    from solver.cost import redistribution_kernels as kernels

    if sources.shape[1] > MOST_SUB_AXES:
        raise ValueError(f"more than {MOST_SUB_AXES} sharding sub-axes")
    transitions = _TRANSITION.copy()
    if keep_partial:
        transitions[PARTIAL, NONE] = STAY
    left, of_left = np.unique(sources, axis=0, return_inverse=True)
    right, of_right = np.unique(targets, axis=0, return_inverse=True)
    local = wires.local_elements(left, whole)
    found: Floats = kernels.table(left, right, local, transitions, *_tables(wires))
    return found[of_left.reshape(-1)][:, of_right.reshape(-1)]


def same_cuts(left: States, right: States) -> npt.NDArray[np.bool_]:
    """Whether two states cut the same dimensions by the same sub-axes."""
    a, b = np.minimum(left, NONE), np.minimum(right, NONE)
    return np.asarray(np.all(a == b, axis=-1))


def to_states(rows: Sequence[Sequence[int]], width: int) -> States:
    """A state array from rows of integers; keeps the width when there are no sub-axes."""
    return np.asarray(rows, dtype=np.int8).reshape(len(rows), width)
