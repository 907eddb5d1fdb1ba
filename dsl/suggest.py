"""Likely fixes for misspelt names."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


def nearest(name: str, candidates: Iterable[str], cutoff: float = 0.6) -> str:
    """The candidate most like `name` (case aside), or "" when none is near."""
    by_folded: dict[str, str] = {}
    for candidate in sorted(candidates):
        by_folded.setdefault(candidate.casefold(), candidate)
    # Matching is quadratic in the length; nobody misspells a word of hundreds of letters.
    found = difflib.get_close_matches(name[:64].casefold(), list(by_folded), n=1, cutoff=cutoff)
    return by_folded[found[0]] if found else ""


def did_you_mean(name: str, candidates: Iterable[str]) -> str:
    """`` did you mean `x`? `` for the nearest candidate, "" when none is near."""
    found = nearest(name, candidates)
    return f"did you mean `{found}`?" if found and found != name else ""
