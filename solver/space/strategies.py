"""Every way the sharding sub-axes can cut an operator or a shared tensor.

The whole space has (indices + 1) ** sub-axes members. Sub-axes that nothing tells apart (same mesh
axis, size and link) are interchangeable, so where the whole space is large only the assignments
are kept that give them, from outermost to innermost, to indices in one fixed order. The order is
that of the iteration space, the same for all operators, so that layouts of neighbours line up.
Where even these are too many, interchangeable sub-axes are shared by few indices. On request every
mesh axis is cut whole, as other planners do, except for sub-axes that pins name apart. What was
left out is said in the plan document (`space`), since the bound holds for what is left.
"""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from solver.space.mesh import Interchangeable

Assignments = npt.NDArray[np.int8]  # [strategy, sub-axis] -> position in the list of choices

WHOLE_SPACE = 130
PAIRS = 1.2e7  # pairs of strategies of neighbours, for all distinct operators together
MOST = 700  # strategies of one operator, before divisibility
ANY = 99  # as many choices to a group as it has sub-axes


@dataclass(frozen=True, slots=True)
class Space:
    """Which assignments are kept: all (`ordered` False), or ordered ones in which each group of
    sub-axes is shared by at most `sharers` choices (none given: any number). `words` are for the
    plan document."""

    ordered: bool
    sharers: tuple[int, ...]
    words: str

    @property
    def is_uniform(self) -> bool:
        """Whether every group goes to one choice as a whole."""
        return self.ordered and set(self.sharers) <= {1}

    def of_group(self, number: int) -> int:
        """By how many choices a group may be shared."""
        return self.sharers[number] if self.sharers else ANY


WHOLE = Space(False, (), "whole")
WHOLE_WORDS = "every mesh axis is cut whole, but for parts of it that pins name"


def whole_axes_space(groups: Sequence[Interchangeable]) -> Space:
    """Every group is cut as one."""
    return Space(True, (1,) * len(groups), WHOLE_WORDS)


def choose_space(most_choices: int, groups: Sequence[Interchangeable], operators: int) -> Space:
    """The largest space of fair size for so many distinct operators; one for all of them, since
    mixing misaligns layouts."""
    most = min(MOST, math.isqrt(int(PAIRS / max(1, operators))))
    width = sum(len(g.positions) for g in groups)
    if most_choices**width <= WHOLE_SPACE:
        return WHOLE
    words = "interchangeable sub-axes go to indices in one fixed order"
    best, size = (1,) * len(groups), 0
    for sharers in itertools.product((ANY, 3, 2, 1), repeat=len(groups)):
        counts = [
            _count(most_choices, len(g.positions), n) for g, n in zip(groups, sharers, strict=True)
        ]
        if size < math.prod(counts) <= most:
            best, size = sharers, math.prod(counts)
    if set(best) == {ANY}:
        return Space(True, best, words)
    least = min(best)
    return Space(True, best, f"{words}, at most {least} indices to a group")


def _count(choices: int, length: int, sharers: int) -> int:
    """Non-decreasing sequences of `length` values with at most `sharers` different ones."""
    kinds = range(1, min(sharers, choices, length) + 1)
    return sum(math.comb(choices, k) * math.comb(length - 1, k - 1) for k in kinds)


def _sequences(choices: int, length: int, sharers: int) -> list[tuple[int, ...]]:
    """Those sequences, in lexicographic order."""
    found = []
    for k in range(1, min(sharers, choices, length) + 1):
        for values in itertools.combinations(range(choices), k):
            for cuts in itertools.combinations(range(1, length), k - 1):
                ends = (*cuts, length)
                starts = (0, *cuts)
                runs = zip(values, starts, ends, strict=True)
                found.append(tuple(v for v, a, b in runs for _ in range(b - a)))
    return sorted(found)


def assignments(
    choices: int, width: int, groups: Sequence[Interchangeable], space: Space
) -> Assignments:
    """Rows that give each of `width` sub-axes one of `choices` values (0 .. choices - 1).

    For `whole_axes_space`, groups are those of `solver.space.mesh.whole_axes`. Splits ask for the
    same rows again and again, so they are kept and cannot be written to.
    """
    return _assignments(choices, width, tuple(groups), space)


@functools.lru_cache(maxsize=256)
def _assignments(
    choices: int, width: int, groups: tuple[Interchangeable, ...], space: Space
) -> Assignments:
    rows = _all_assignments(choices, width, groups, space)
    rows.flags.writeable = False
    return rows


def _all_assignments(
    choices: int, width: int, groups: tuple[Interchangeable, ...], space: Space
) -> Assignments:
    if width == 0:
        return np.zeros((1, 0), dtype=np.int8)
    if not space.ordered:
        rows = np.array(list(itertools.product(range(choices), repeat=width)), dtype=np.int8)
        return rows.reshape(-1, width)
    per_group = [
        _sequences(choices, len(g.positions), space.of_group(n)) for n, g in enumerate(groups)
    ]
    order = [p for g in groups for p in g.positions]
    combined = np.array(
        [list(itertools.chain.from_iterable(row)) for row in itertools.product(*per_group)],
        dtype=np.int8,
    )
    rows = np.empty((len(combined), width), dtype=np.int8)
    rows[:, order] = combined
    return rows


def uniform_assignments(choices: int, width: int, groups: Sequence[Interchangeable]) -> Assignments:
    """Rows that give all sub-axes of a group the same value."""
    rows = np.zeros((choices ** len(groups), width), dtype=np.int8)
    for n, values in enumerate(itertools.product(range(choices), repeat=len(groups))):
        for group, value in zip(groups, values, strict=True):
            rows[n, list(group.positions)] = value
    return rows
