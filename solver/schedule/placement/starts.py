"""Maps to start from: published shapes and balanced ones."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from solver.schedule.placement.maps import Layout

Shape = Callable[[int, int, int], int]
"""The device of the i-th unit of a chain: (i, length of the chain, devices)."""


def linear(i: int, length: int, devices: int) -> int:
    """Neighbours together, equally many per device."""
    return i * devices // length


def loop(i: int, length: int, devices: int) -> int:  # noqa: ARG001 - a `Shape`
    """Over all devices again and again (interleaved)."""
    return i % devices


def v_shape(i: int, length: int, devices: int) -> int:  # noqa: ARG001 - a `Shape`
    """Down the devices and up again."""
    visit, place = divmod(i, devices)
    return devices - 1 - place if visit % 2 else place


SHAPES: tuple[Shape, ...] = (linear, loop, v_shape)


def first_maps(plan: Layout) -> Iterator[dict[int, int]]:
    """Maps of units: every shape, all chains in one direction or each second one back, chunks in
    equal parts by work, the largest work first to the device with the least, and everything where
    place pins want it. A unit that may not be where a map wants it goes to the device that has
    least to do."""
    devices = plan.problem.devices
    chains = _chains(plan)
    for shape in SHAPES:
        for turns in (False, True) if len(chains) > 1 else (False,):
            wanted: dict[int, int] = {}
            for number, chain in enumerate(chains):
                for i, unit in enumerate(chain):
                    device = shape(i, len(chain), devices)
                    wanted[unit] = devices - 1 - device if turns and number % 2 else device
            yield _allowed(plan, wanted)
            yield _allowed(plan, wanted | _wished(plan))
    yield _allowed(plan, _in_equal_parts(plan))
    yield _allowed(plan, {})
    yield _allowed(plan, _wished(plan))


def _chains(plan: Layout) -> list[list[int]]:
    """The units of every connected part of the graph, in topological order of chunks."""
    part = list(range(len(plan.units)))
    for edge in plan.problem.edges:
        one, other = (part[plan.unit_of[c]] for c in (edge.source, edge.target))
        part = [min(one, other) if p in (one, other) else p for p in part]
    depth = [min(len(plan.above[c]) for c in unit) for unit in plan.units]
    return [
        sorted((u for u, p in enumerate(part) if p == one), key=lambda u: depth[u])
        for one in sorted(set(part))
    ]


def _wished(plan: Layout) -> dict[int, int]:
    """Units with place pins, each on a device where it pays least."""
    return {
        u: min(plan.choices[u], key=lambda d: prices[d])
        for u, prices in enumerate(plan.prices)
        if any(prices)
    }


def _in_equal_parts(plan: Layout) -> dict[int, int]:
    """Every chain cut into parts of equal work."""
    devices = plan.problem.devices
    wanted: dict[int, int] = {}
    for chain in _chains(plan):
        total, before = sum(plan.work[u] for u in chain), 0.0
        for unit in chain:
            middle = before + plan.work[unit] / 2
            wanted[unit] = min(devices - 1, int(devices * middle / total)) if total else 0
            before += plan.work[unit]
    return wanted


def _allowed(plan: Layout, wanted: dict[int, int]) -> dict[int, int]:
    """`wanted` where it is allowed; the rest in descending order of work to the device with the
    least work, then the fewest static bytes."""
    partial = {u: d for u, d in wanted.items() if d in plan.choices[u]}
    load = [0.0] * plan.problem.devices
    held = [0.0] * plan.problem.devices
    for unit, device in partial.items():
        load[device] += plan.work[unit]
        held[device] += plan.static[unit]
    open_units = [u for u in range(len(plan.units)) if u not in partial]
    for unit in sorted(open_units, key=lambda u: (-plan.work[u], u)):
        device = min(plan.choices[unit], key=lambda d: (load[d], held[d]))
        partial[unit] = device
        load[device] += plan.work[unit]
        held[device] += plan.static[unit]
    return dict(sorted(partial.items()))
