"""A difference of two plans, and how those of many names become one."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from solver.cli.report.names import fold, ranges

_ROUNDING = 1e-9  # relative; sums of the same figures in another order
_FIRST_LAYERS = re.compile(r"^(.*?)\[([\d.,]+)\]\.?(.*)$")


@dataclass(frozen=True, slots=True)
class Difference:
    """`subject` is who differs, folded (`net.layers[4..31].mlp.up`; nothing: the whole plan), and
    `before` and `after` are JSON values, None where there is none. `text` says it all."""

    section: str
    subject: str
    before: Any
    after: Any
    text: str


Section = Callable[[dict[str, Any], dict[str, Any]], Iterator[Difference]]
"""Finds the differences of one kind between two documents that hold plans."""


def is_same(a: float | None, b: float | None) -> bool:
    """Whether two figures are equal but for rounding."""
    if a is None or b is None:
        return a is b
    return math.isclose(a, b, rel_tol=_ROUNDING, abs_tol=0.0)


def of_paths(
    section: str, before: Mapping[str, str], after: Mapping[str, str], aspect: str = ""
) -> Iterator[Difference]:
    """The choices, in words, that differ between two plans, of operators or tensors by their path.

    Paths that changed alike are one difference: `net.layers 4..31: mlp.up from f/tp8 to s/tp8`.
    """
    paths = list(dict.fromkeys((*before, *after)))
    pairs = ((path, (before.get(path), after.get(path))) for path in paths)
    for folded, signature in fold(pair for pair in pairs if pair[1][0] != pair[1][1]):
        assert isinstance(signature, tuple)
        old, new = signature
        yield Difference(section, folded, old, new, f"{spoken(folded)} {change(old, new, aspect)}")


def of_stages(section: str, found: Iterable[tuple[int, Any, Any, str]]) -> Iterator[Difference]:
    """Differences of (stage, before, after, words); stages that differ alike are one."""
    groups: dict[tuple[str, str, str], list[tuple[int, Any, Any]]] = {}
    for stage, before, after, words in found:
        groups.setdefault((repr(before), repr(after), words), []).append((stage, before, after))
    for (_, _, words), members in groups.items():
        subject = stages(number for number, _, _ in members)
        yield Difference(section, subject, members[0][1], members[0][2], f"{subject}: {words}")


def stages(numbers: Iterable[int]) -> str:
    """`stage 0` or `stages 1..6,8`."""
    found = sorted(numbers)
    return f"stage {found[0]}" if len(found) == 1 else f"stages {ranges(found)}"


def change(before: str | None, after: str | None, aspect: str = "") -> str:
    """`from f/tp8 to s/tp8`, and what is in one plan only."""
    what = f"{aspect} " if aspect else ""
    if before is None:
        return f"added: {what}{after}"
    if after is None:
        return f"removed: {what}{before}"
    return f"{what}from {before} to {after}"


def spoken(folded: str) -> str:
    """`net.layers[4..31].mlp.up` as `net.layers 4..31: mlp.up`; no subscript, no change."""
    found = _FIRST_LAYERS.match(folded)
    if found is None:
        return folded
    parent, numbers, rest = found.groups()
    return f"{parent} {numbers}: {rest}" if rest else f"{parent} {numbers}"
