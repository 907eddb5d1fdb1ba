"""The seconds of a collective by its bytes, piece by piece.

Which way a communication library takes depends on the bytes; between two sizes where that changes
the seconds are linear: `start + bytes * pace`. A table of millions of redistributions looks its
piece up instead of trying every way.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from functools import lru_cache

import numpy as np

from solver.cost.physics.lines import Line
from solver.cost.physics.links import Floats

Way = tuple[float, float, float]  # expected start, start, seconds per byte
Piece = tuple[float, float, float]  # from so many bytes on: start, seconds per byte


def pieces_of(chosen: Sequence[Line], others: Sequence[Line], is_bound: bool) -> Floats:
    """[case, piece, (from so many bytes, start, seconds per byte)], the last pieces of a case
    perhaps from infinity. Of `chosen` the library takes what it expects to be fastest, of the
    `others`, and of that, the fastest. With `is_bound` always the fastest: then the seconds are
    concave, and never more."""
    found = [
        _pieces(_ways(chosen, case, is_bound), _ways(others, case, is_bound))
        for case in range(len(chosen[0].s_per_byte))
    ]
    width = max(len(own) for own in found)
    return np.array([[*own, *[(math.inf, 0.0, 0.0)] * (width - len(own))] for own in found])


def stacked(pieces: Sequence[Floats]) -> Floats:
    """Pieces of one shape but for their number, one after the other."""
    width = max(own.shape[-2] for own in pieces)
    found = np.zeros((len(pieces), *pieces[0].shape[:-2], width, 3))
    found[..., 0] = np.inf
    for place, own in enumerate(pieces):
        found[place, ..., : own.shape[-2], :] = own
    return found


def seconds_of(pieces: Floats, size_bytes: Floats) -> Floats:
    """Seconds of `size_bytes` [...] with pieces [..., piece, 3]."""
    size = np.asarray(size_bytes, dtype=np.float64)
    place = np.sum(size[..., None] >= pieces[..., 0], axis=-1) - 1
    own = np.take_along_axis(pieces, place[..., None, None], axis=-2)[..., 0, :]
    found: Floats = own[..., 1] + size * own[..., 2]
    return found


def _ways(lines: Sequence[Line], case: int, is_bound: bool) -> tuple[Way, ...]:
    rows = (
        (line.start_s if is_bound else line.expected_s, line.start_s, line.s_per_byte)
        for line in lines
    )
    found = (
        tuple(float(np.broadcast_to(x, lines[0].s_per_byte.shape)[case]) for x in row)
        for row in rows
    )
    return tuple((a, b, c) for a, b, c in found if math.isfinite(b))


@lru_cache(maxsize=4096)
def _pieces(chosen: tuple[Way, ...], others: tuple[Way, ...]) -> tuple[Piece, ...]:
    """Meshes have few cases, and splits of a mesh the same ones."""
    sizes = {0.0}
    sizes |= _meetings([(expected, pace) for expected, _, pace in chosen])
    sizes |= _meetings([(start, pace) for _, start, pace in (*chosen, *others)])
    ordered = sorted(sizes)
    found: list[Piece] = []
    for low, high in zip(ordered, [*ordered[1:], 2 * ordered[-1] + 2], strict=True):
        middle = (low + high) / 2
        taken = min(chosen, key=lambda way: way[0] + middle * way[2])
        _, start, pace = min((taken, *others), key=lambda way: way[1] + middle * way[2])
        if not found or found[-1][1:] != (start, pace):
            found.append((low, start, pace))
    return tuple(found)


def _meetings(lines: Sequence[tuple[float, float]]) -> set[float]:
    """Sizes above 0 at which two of the lines (start, pace) take equally long."""
    found = set()
    for (start, pace), (other, quicker) in itertools.combinations(lines, 2):
        if pace != quicker:
            size = (other - start) / (pace - quicker)
            if 0 < size < math.inf:
                found.add(size)
    return found
