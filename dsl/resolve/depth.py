"""Room for recursion over trees whose depth the parser bounds."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

CALLS = 20_000
"""Python calls in flight. A tree is a few hundred levels deep (limits of `dsl.text.parser`, and
`GraphBuilder.deeper`), and a level takes up to five calls; Python's default of 1,000 is too few."""


@contextmanager
def room_for_recursion() -> Iterator[None]:
    """Raise the limit meanwhile; Python 3.11 keeps these calls on the heap, not on the C stack."""
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(max(before, CALLS))
    try:
        yield
    finally:
        sys.setrecursionlimit(before)
