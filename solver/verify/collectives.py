"""Seconds of collectives by the alpha-beta model, link by link (`solver/README.md`, section 4).

Recursive halving and doubling: Thakur, Rabenseifner & Gropp 2005, "Optimization of Collective
Communication Operations in MPICH".
"""

from __future__ import annotations

from typing import Literal

from dsl.spec import Link, SubAxis

Collective = Literal["all_gather", "reduce_scatter", "all_reduce", "all_to_all"]


def seconds(
    collective: Collective, size: float, parts: tuple[SubAxis, ...], *, bucketed: bool = False
) -> float:
    """Seconds of one call on `size` bytes over sub-axes in mesh order.

    `size` is the whole buffer: the result of an all-gather, the input of a reduce-scatter or
    all-to-all. `bucketed` calls pay no latency.
    """
    total = 0.0
    current = size
    for link, degree in _levels(parts):
        total += current * (degree - 1) / degree / link.bandwidth
        if not bucketed:
            total += _rounds(degree) * link.latency
        if collective != "all_to_all":
            current /= degree
    return 2 * total if collective == "all_reduce" else total


def _levels(parts: tuple[SubAxis, ...]) -> list[tuple[Link, int]]:
    """Links with the number of devices each joins, innermost first."""
    levels: list[tuple[Link, int]] = []
    for part in reversed(parts):
        links = [link for link, _ in levels]
        if part.link in links:
            at = links.index(part.link)
            levels[at] = (part.link, levels[at][1] * part.size)
        else:
            levels.append((part.link, part.size))
    return levels


def _rounds(degree: int) -> int:
    """The ceiling of log2."""
    return (degree - 1).bit_length()
