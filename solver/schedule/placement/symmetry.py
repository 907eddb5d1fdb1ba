"""Devices that are alike: maps that differ only by an exchange of these are one map.

Two devices are alike when exchanging them changes nothing: equal capacity and tail, allowed for
the same chunks, named by the same pins, and pair delays that stay as they are. Exchanges of a
with b and of b with c give that of a with c, so alike devices form classes, and within a class all
permutations are symmetries. Among the maps that these make of one another one is kept: units in
their order open the devices of a class in ascending order.
"""

from __future__ import annotations

from solver.schedule.placement.maps import Layout, Partial


def classes(plan: Layout) -> tuple[int, ...]:
    """For every device the first one that is like it."""
    devices = range(plan.problem.devices)
    return tuple(
        next(e for e in devices if e == d or (e < d and _alike(plan, d, e))) for d in devices
    )


def _alike(plan: Layout, d: int, e: int) -> bool:
    problem = plan.problem
    if problem.capacity_bytes[d] != problem.capacity_bytes[e]:
        return False
    if problem.tails[d] != problem.tails[e]:
        return False
    if any((d in choices) != (e in choices) for choices in plan.choices):
        return False
    if any(prices[d] != prices[e] for prices in plan.prices):
        return False
    rows = problem.pair_delays
    others = [other for other in range(problem.devices) if other not in (d, e)]
    return not rows or all(rows[d][other] == rows[e][other] for other in others)


def next_devices(plan: Layout, alike: tuple[int, ...], partial: Partial, unit: int) -> list[int]:
    """The devices to try for `unit`: of each class those in use and the first that is not."""
    used = set(partial.values())
    opened: set[int] = set()
    found: list[int] = []
    for device in plan.choices[unit]:
        if device not in used:
            if alike[device] in opened:
                continue
            opened.add(alike[device])
        found.append(device)
    return found


def canonical(plan: Layout, alike: tuple[int, ...], partial: Partial) -> dict[int, int]:
    """The kept one among the maps that are one by symmetry with this complete map of units."""
    renamed: dict[int, int] = {}
    free = {first: [d for d in range(len(alike)) if alike[d] == first] for first in set(alike)}
    for unit in range(len(plan.units)):
        device = partial[unit]
        if device not in renamed:
            renamed[device] = free[alike[device]].pop(0)
    return {unit: renamed[partial[unit]] for unit in range(len(plan.units))}


def count_maps(plan: Layout, alike: tuple[int, ...], most: int) -> int:
    """The number of maps up to symmetry, or a larger number than `most`."""
    found = 0
    stack: list[dict[int, int]] = [{}]
    while stack and found <= most:
        partial = stack.pop()
        unit = len(partial)
        if unit == len(plan.units):
            found += 1
            continue
        stack += [{**partial, unit: d} for d in next_devices(plan, alike, partial, unit)]
    return found
