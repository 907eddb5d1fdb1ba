"""Ways of a communication library, each a start and a pace: `start_s + bytes * s_per_byte`.

What a library expects of a way and what the way then takes can differ: it chooses by the first.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from solver.cost.physics.links import Floats, Number


class Line(NamedTuple):
    """Seconds of a way: expected by the library, and taken. Arrays have one entry per group."""

    expected_s: Floats
    start_s: Floats
    s_per_byte: Floats


def line(start_s: Number, s_per_byte: Number) -> Line:
    """A way that takes what the library expects."""
    start, pace = np.broadcast_arrays(np.asarray(start_s, float), np.asarray(s_per_byte, float))
    return Line(start, start, pace)


def chosen_seconds(ways: Sequence[Line], size_bytes: Number) -> Floats:
    """What the way that the library expects to be fastest takes; the first among equals."""
    expected, taken = np.asarray(np.inf), np.asarray(np.inf)
    for way in ways:
        moving = np.asarray(size_bytes) * way.s_per_byte
        better = way.expected_s + moving < expected
        taken = np.where(better, way.start_s + moving, taken)
        expected = np.where(better, way.expected_s + moving, expected)
    return taken


def fastest_seconds(ways: Sequence[Line], size_bytes: Number) -> Floats:
    """What the fastest way takes."""
    best = np.asarray(np.inf)
    for way in ways:
        best = np.minimum(best, way.start_s + np.asarray(size_bytes) * way.s_per_byte)
    return best
