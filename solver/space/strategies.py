"""Every way the sharding sub-axes can cut an operator or a shared tensor.

The whole space has (indices + 1) ** sub-axes members. Sub-axes that nothing tells apart (same mesh
axis, size and link) are interchangeable, so where the whole space is large only the assignments
are kept that give them, from outermost to innermost, to indices in one fixed order. The order is
that of the iteration space, the same for all operators, so that layouts of neighbours line up.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from solver.space.mesh import Interchangeable

Assignments = npt.NDArray[np.int8]  # [strategy, sub-axis] -> position in the list of choices

WHOLE_SPACE = 130


def assignments(
    choices: int, width: int, groups: Sequence[Interchangeable], whole_space: bool
) -> Assignments:
    """Rows that give each of `width` sub-axes one of `choices` values (0 .. choices - 1)."""
    if width == 0:
        return np.zeros((1, 0), dtype=np.int8)
    if whole_space:
        rows = np.array(list(itertools.product(range(choices), repeat=width)), dtype=np.int8)
        return rows.reshape(-1, width)
    per_group = [
        list(itertools.combinations_with_replacement(range(choices), len(g.positions)))
        for g in groups
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


def is_whole_space(largest_choices: int, width: int) -> bool:
    """Whether the whole space is small enough to keep; decided once per problem, for all
    operators, since mixing the two would misalign layouts."""
    return bool(largest_choices**width <= WHOLE_SPACE)
