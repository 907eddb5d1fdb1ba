"""The order in which every stage runs its operators."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import accumulate
from typing import Any

from solver.comparison.difference import Difference, of_stages

Document = dict[str, Any]
Order = tuple[tuple[str, int, int], ...]  # phase, micro-batch, chunk
_SHOWN = 4  # operators of either plan from the first that differs on


def order(before: Document, after: Document) -> Iterator[Difference]:
    """Stages whose operators run in another order, and from where on.

    Plans with other stages, chunks or micro-batches run other operators, so that only what both
    have is compared: how many forwards come before the first backward, and the most micro-batches
    in flight.
    """
    a, b = _orders(before), _orders(after)
    if len(a) != len(b):
        return
    yield from of_stages("order", _by_stage(a, b))


def _by_stage(a: list[Order], b: list[Order]) -> Iterator[tuple[int, Any, Any, str]]:
    for stage, (old, new) in enumerate(zip(a, b, strict=True)):
        if old == new:
            continue
        ahead = [_forwards_ahead(order) for order in (old, new)]
        flight = [_most_in_flight(order) for order in (old, new)]
        words = []
        if ahead[0] != ahead[1]:
            words.append(f"forwards before the first backward from {ahead[0]} to {ahead[1]}")
        if flight[0] != flight[1]:
            words.append(f"most micro-batches in flight from {flight[0]} to {flight[1]}")
        if set(old) == set(new):
            words.append(_first_change(old, new))
        if words:
            yield stage, _text(old), _text(new), ", ".join(words)


def _orders(document: Document) -> list[Order]:
    pipeline = document["pipeline"]
    found: list[list[Document]] = [[] for _ in pipeline["stages"]]
    for action in pipeline["schedule"]:
        found[action["device"]].append(action)
    key = ("phase", "microbatch", "chunk")
    return [
        tuple((a[key[0]], a[key[1]], a[key[2]]) for a in sorted(actions, key=_when))
        for actions in found
    ]


def _when(action: Document) -> tuple[float, float, str, int, int]:
    return (
        action["start_s"],
        action["end_s"],
        action["phase"],
        action["microbatch"],
        action["chunk"],
    )


def _forwards_ahead(order: Order) -> int:
    phases = [phase for phase, _, _ in order]
    return phases.index("B") if "B" in phases else len(phases)


def _most_in_flight(order: Order) -> int:
    """Micro-batches, of all chunks together, that have begun their F and not ended their B."""
    changes = {"F": 1, "B": -1}
    return max(accumulate(changes.get(phase, 0) for phase, _, _ in order), default=0)


def _first_change(old: Order, new: Order) -> str:
    several = len({chunk for _, _, chunk in old}) > 1
    place = next(i for i, pair in enumerate(zip(old, new, strict=True)) if pair[0] != pair[1])
    before, after = (_names(order[place : place + _SHOWN], several) for order in (old, new))
    return f"operator {place + 1} of {len(old)} and on from {before} to {after}"


def _names(order: Order, several: bool) -> str:
    """`F4 B0`, or `F4 B0.1` with chunk 1."""
    return " ".join(f"{phase}{m}{f'.{c}' if several else ''}" for phase, m, c in order)


def _text(order: Order) -> str:
    return _names(order, len({chunk for _, _, chunk in order}) > 1)
