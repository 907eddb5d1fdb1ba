"""The Pareto front: the points that no other point beats."""

from __future__ import annotations

from collections.abc import Sequence

Costs = tuple[float, ...]
"""What a point costs in every respect; less is better."""


def dominates(one: Costs, other: Costs) -> bool:
    """Whether `one` is nowhere worse than `other` and somewhere better."""
    return one != other and all(a <= b for a, b in zip(one, other, strict=True))


def front(costs: Sequence[Costs | None]) -> tuple[bool, ...]:
    """For every point whether it is on the front: nothing dominates it (Pareto 1896).

    Equal points are on it together. A point without costs (None) is never on it.
    """
    known = [cost for cost in costs if cost is not None]
    return tuple(
        cost is not None and not any(dominates(other, cost) for other in known) for cost in costs
    )
