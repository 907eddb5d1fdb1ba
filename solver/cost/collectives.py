"""Times of collectives over sub-axes: alpha-beta, hierarchical by link (README section 4).

Recursive halving and doubling: Thakur, Rabenseifner & Gropp, "Optimization of Collective
Communication Operations in MPICH", 2005.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from dsl.spec import Link, SubAxis

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class LinkGroup:
    """Sub-axes (positions in the sharding sub-axes) that share a link."""

    link: Link
    positions: tuple[int, ...]


def link_groups(parts: Sequence[SubAxis]) -> tuple[LinkGroup, ...]:
    """The sub-axes by link, innermost link first."""
    found: dict[Link, list[int]] = {}
    for position in range(len(parts) - 1, -1, -1):
        found.setdefault(parts[position].link, []).append(position)
    return tuple(LinkGroup(link, tuple(sorted(p))) for link, p in found.items())


def _rounds(degree: Floats) -> Floats:
    """Messages in sequence: ceil(log2 degree)."""
    return np.ceil(np.log2(degree) - 1e-9)


def scatter_seconds(
    groups: Sequence[LinkGroup], degrees: Sequence[Floats], volume: Floats, bucketed: bool = False
) -> Floats:
    """Reduce-scatter of `volume` bytes (its input), or all-gather whose result has that size.

    `degrees[i]` is the number of participants over link group i (1: none).
    """
    total = np.zeros(np.broadcast_shapes(np.shape(volume), *(np.shape(d) for d in degrees)))
    current = np.asarray(volume, dtype=np.float64)
    for group, degree in zip(groups, degrees, strict=True):
        total = total + current * (degree - 1) / degree / group.link.bandwidth
        if not bucketed:
            total = total + _rounds(degree) * group.link.latency
        current = current / degree
    return total


def all_reduce_seconds(
    groups: Sequence[LinkGroup], degrees: Sequence[Floats], volume: Floats, bucketed: bool = False
) -> Floats:
    """Reduce-scatter, then all-gather, of `volume` bytes."""
    return 2 * scatter_seconds(groups, degrees, volume, bucketed)


def all_to_all_seconds(
    groups: Sequence[LinkGroup], degrees: Sequence[Floats], volume: Floats
) -> Floats:
    """All-to-all of `volume` local bytes, one link group after the other."""
    total = np.zeros(np.broadcast_shapes(np.shape(volume), *(np.shape(d) for d in degrees)))
    for group, degree in zip(groups, degrees, strict=True):
        total = total + np.asarray(volume) * (degree - 1) / degree / group.link.bandwidth
        total = total + _rounds(degree) * group.link.latency
    return total


def degrees_of(
    groups: Sequence[LinkGroup], sizes: npt.NDArray[np.int64], members: npt.NDArray[np.bool_]
) -> list[Floats]:
    """Participants per link group, where `members[..., a]` says that sub-axis `a` takes part."""
    return [
        np.prod(np.where(members[..., g.positions], sizes[list(g.positions)], 1), axis=-1).astype(
            np.float64
        )
        for g in groups
    ]
