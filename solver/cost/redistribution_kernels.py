"""Compiled loops of `solver.cost.redistribution`: a table has up to millions of pairs of states.

Arguments are arrays of `Wires`, which numba cannot read as a dataclass: `degree` and `case` by set
of sub-axes, and `pieces` [kind of collective, case, piece, 3] (`solver.cost.pieces`). Kinds of
steps are numbered as there, in the order in which they run.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from solver.compiled import compiled
from solver.cost.collectives import Floats

Bytes = npt.NDArray[np.int8]
Ints = npt.NDArray[np.int64]
WIDEN, SCATTER, REDUCE, EXCHANGE, GATHER = 1, 2, 3, 4, 5


@compiled
def steps(
    source: Bytes,
    target: Bytes,
    local: float,
    transitions: Bytes,
    degree: Floats,
    case: Ints,
    pieces: Floats,
    members: Ints,
    volume: Floats,
    seconds: Floats,
) -> float:
    """Fill what every kind of step takes from `source` to `target`, and give the seconds of all.

    `local` are the bytes on a device before; `transitions` [state, state] is the kind (below zero:
    none).
    """
    members[:] = 0
    for a in range(len(source)):
        kind = transitions[source[a], target[a]]
        if kind >= 0:
            members[kind] |= 1 << a
    current = local * degree[members[WIDEN]] / degree[members[0]]
    total = 0.0
    for kind in range(SCATTER, GATHER + 1):
        mask = members[kind]
        if kind == GATHER:
            current *= degree[mask]
        ways = 1 if kind == REDUCE else 2 if kind == EXCHANGE else 0
        which = case[mask]
        piece = pieces.shape[2] - 1
        while current < pieces[ways, which, piece, 0]:
            piece -= 1
        time = pieces[ways, which, piece, 1] + current * pieces[ways, which, piece, 2]
        volume[kind], seconds[kind] = current, time
        total += time
        if kind == SCATTER:
            current /= degree[mask]
    return total


@compiled
def table(
    sources: Bytes,
    targets: Bytes,
    local: Floats,
    transitions: Bytes,
    degree: Floats,
    case: Ints,
    pieces: Floats,
) -> Floats:
    """[source, target] seconds of all steps; `local` is [source]."""
    found = np.empty((len(sources), len(targets)))
    members = np.zeros(6, dtype=np.int64)
    volume, seconds = np.zeros(6), np.zeros(6)
    for i in range(len(sources)):
        for j in range(len(targets)):
            found[i, j] = steps(
                sources[i],
                targets[j],
                local[i],
                transitions,
                degree,
                case,
                pieces,
                members,
                volume,
                seconds,
            )
    return found
