"""Loops compiled by numba, which release the interpreter's lock.

What is compiled is kept beside the source, or else in the user's cache folder. Where neither can be
written numba refuses; the loops are then compiled anew in every run.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from numba import njit


def compiled(function: Callable[..., object]) -> Any:
    """A function of numbers and arrays, compiled at its first call."""
    try:
        return njit(cache=True, nogil=True)(function)
    except RuntimeError:
        return njit(nogil=True)(function)
