"""Sub-axes of a mesh in words, from a plan document alone."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any


class Axes:
    """The mesh of a document. A whole axis reads `gpu8`, a part of one `gpu.0`."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        axes: list[dict[str, Any]] = document["mesh"]["axes"]
        self._words = {
            axis["name"]: _whole(axis["name"], axis["size"]) for axis in axes if axis["size"] > 1
        }
        self._parts = {
            axis["name"]: [f"{axis['name']}.{i}" for i in range(_prime_factors(axis["size"]))]
            for axis in axes
        }

    def words(self, parts: Iterable[str]) -> str:
        """The fewest words for some sub-axes, in mesh order; those of no axis as they are."""
        wanted = list(parts)
        known: set[str] = set()
        found: list[str] = []
        for axis, own in self._parts.items():
            chosen = [part for part in own if part in wanted]
            known.update(own)
            found.extend([self._words[axis]] if chosen and chosen == own else chosen)
        return ",".join([*found, *(part for part in wanted if part not in known)])

    def cuts(self, cuts: Mapping[str, Iterable[str]]) -> str:
        """`b/node4, f/gpu.0`; `whole` where nothing is cut."""
        named = {index: self.words(parts) for index, parts in cuts.items()}
        return ", ".join(f"{index}/{words}" for index, words in named.items() if words) or "whole"


def _whole(name: str, size: int) -> str:
    """`gpu8`; `rack1:8` where the name ends in a digit."""
    return f"{name}:{size}" if name[-1:].isdigit() else f"{name}{size}"


def _prime_factors(size: int) -> int:
    count, factor = 0, 2
    while factor * factor <= size:
        while size % factor == 0:
            size, count = size // factor, count + 1
        factor += 1
    return count + (size > 1)
