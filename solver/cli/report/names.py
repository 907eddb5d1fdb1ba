"""Many paths in few words: `net.layers[0..31].mlp.{gate,up}`.

Only paths that share a signature (the same cuts, say) are folded into one, so that every line of
the report is true of all it names.
"""

from __future__ import annotations

import re
from collections.abc import Hashable, Iterable
from dataclasses import dataclass

_SUBSCRIPT = re.compile(r"\[(\d+)\]")


@dataclass(frozen=True, slots=True)
class _Row:
    """A folded path: the texts around its subscripts, and the positions of each subscript."""

    texts: tuple[str, ...]
    positions: tuple[tuple[int, ...], ...]
    signature: Hashable


def fold(paths: Iterable[tuple[str, Hashable]]) -> list[tuple[str, Hashable]]:
    """Fold (path, signature) pairs; order is that of the first path of each."""
    rows = [_parse(path, signature) for path, signature in paths]
    deepest = max((len(row.positions) for row in rows), default=0)
    for place in range(deepest):
        rows = _fold_subscripts(rows, place)
    return _fold_siblings(rows)


def ranges(numbers: Iterable[int]) -> str:
    """`0..3,7`: ascending numbers as inclusive ranges."""
    runs: list[list[int]] = []
    for number in sorted(numbers):
        if runs and number == runs[-1][1] + 1:
            runs[-1][1] = number
        else:
            runs.append([number, number])
    return ",".join(str(low) if low == high else f"{low}..{high}" for low, high in runs)


def _parse(path: str, signature: Hashable) -> _Row:
    pieces = _SUBSCRIPT.split(path)
    return _Row(tuple(pieces[::2]), tuple((int(n),) for n in pieces[1::2]), signature)


def _fold_subscripts(rows: list[_Row], place: int) -> list[_Row]:
    """Merge rows that differ in the positions of subscript number `place` only."""
    groups: dict[Hashable, list[_Row]] = {}
    for row in rows:
        if place < len(row.positions):
            others = (row.positions[:place], row.positions[place + 1 :])
            groups.setdefault((row.texts, others, row.signature), []).append(row)
        else:
            groups.setdefault((row.texts, row.positions, row.signature), []).append(row)
    return [_merge(group, place) for group in groups.values()]


def _merge(group: list[_Row], place: int) -> _Row:
    first = group[0]
    if len(group) == 1:
        return first
    together = tuple(sorted({n for row in group for n in row.positions[place]}))
    positions = (*first.positions[:place], together, *first.positions[place + 1 :])
    return _Row(first.texts, positions, first.signature)


def _fold_siblings(rows: list[_Row]) -> list[tuple[str, Hashable]]:
    """Merge paths of one parent into `parent.{a,b}`."""
    groups: dict[tuple[str, Hashable], list[str]] = {}
    for row in rows:
        parent, _, name = _text(row).rpartition(".")
        groups.setdefault((parent, row.signature), []).append(name)
    folded = []
    for (parent, signature), names in groups.items():
        last = names[0] if len(names) == 1 else "{" + ",".join(names) + "}"
        folded.append((f"{parent}.{last}" if parent else last, signature))
    return folded


def _text(row: _Row) -> str:
    subscripts = [f"[{ranges(positions)}]" for positions in row.positions]
    return "".join(a + b for a, b in zip(row.texts, [*subscripts, ""], strict=True))
