"""A map applied: the schedule problem it leaves, its price, its memory.

A *partial* map leaves units of chunks open. The schedule problem of a partial map is a relaxation
of those of all maps that complete it: every open unit gets a device of its own with the shortest
tail, the largest room and the shortest delays that any choice could give it. Restricted to the
operators of a device, a schedule of a completion respects all that: what else is there only takes
room and time.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from solver.schedule.memory import limit
from solver.schedule.placement.problem import (
    FreeEdge,
    Map,
    PlacementProblem,
    allowed,
    on_device,
    units,
)
from solver.schedule.problem import Edge, ScheduleProblem, topological_order

Partial = Mapping[int, int]
"""The device of every placed unit."""


@dataclass(frozen=True, slots=True)
class Layout:
    """A problem with what every map of it needs again and again.

    `units` are groups of chunks that share a device, in topological order of their first chunks,
    those with a single choice before all others; `choices` are their devices. `work` is the compute
    time, `static` the bytes held all the time of each unit, `prices[unit][device]` what soft place
    pins cost there. `above[c]` are the chunks that chunk c depends on, directly or not.
    """

    problem: PlacementProblem
    units: tuple[tuple[int, ...], ...]
    unit_of: tuple[int, ...]
    choices: tuple[tuple[int, ...], ...]
    work: tuple[float, ...]
    static: tuple[float, ...]
    prices: tuple[tuple[float, ...], ...]
    above: tuple[frozenset[int], ...]

    def whole(self, devices: Map) -> dict[int, int]:
        """A map as one of units."""
        return {u: devices[unit[0]] for u, unit in enumerate(self.units)}

    def flat(self, partial: Partial) -> Map:
        """A complete map of units as one of chunks."""
        return tuple(partial[u] for u in self.unit_of)


def layout(problem: PlacementProblem) -> Layout:
    """What maps of `problem` share."""
    order = topological_order(placed(problem, {}, units(problem)))
    rank = {chunk: place for place, chunk in enumerate(order)}
    groups = sorted(
        units(problem),
        key=lambda unit: (len(allowed(problem, unit)) > 1, min(rank[c] for c in unit)),
    )
    unit_of = {chunk: u for u, unit in enumerate(groups) for chunk in unit}
    above: list[frozenset[int]] = [frozenset() for _ in problem.chunks]
    for chunk in order:
        sources = [edge.source for edge in problem.edges if edge.target == chunk]
        above[chunk] = frozenset(sources).union(*(above[source] for source in sources))
    return Layout(
        problem,
        tuple(groups),
        tuple(unit_of[c] for c in range(len(problem.chunks))),
        tuple(allowed(problem, unit) for unit in groups),
        tuple(sum(_work(problem, c) for c in unit) for unit in groups),
        tuple(sum(problem.chunks[c].static_bytes for c in unit) for unit in groups),
        tuple(_prices(problem, unit) for unit in groups),
        tuple(above),
    )


def _work(problem: PlacementProblem, c: int) -> float:
    """Seconds that chunk c keeps the compute stream of its device busy."""
    chunk = problem.chunks[c]
    if chunk.stream:
        return 0.0
    return problem.microbatches * (chunk.forward + chunk.input_grad + chunk.weight_grad)


def _prices(problem: PlacementProblem, unit: Sequence[int]) -> tuple[float, ...]:
    pins = [pin for pin in problem.place_pins if pin.chunk in unit]
    return tuple(
        sum(pin.weight for pin in pins if pin.device != device) for device in range(problem.devices)
    )


def broken_pins(problem: PlacementProblem, devices: Map) -> tuple[int, ...]:
    """The numbers of the place pins that a map breaks."""
    pins = enumerate(problem.place_pins)
    return tuple(number for number, pin in pins if devices[pin.chunk] != pin.device)


def least_price(plan: Layout, partial: Partial) -> float:
    """What place pins cost at least in every map that completes `partial`."""
    return sum(
        prices[partial[u]] if u in partial else min(prices[d] for d in plan.choices[u])
        for u, prices in enumerate(plan.prices)
    )


def overflow(plan: Layout, partial: Partial) -> float:
    """Bytes that one micro-batch needs beyond the capacities; no schedule where there are any.

    When a forward runs, its device holds the static bytes of all its chunks and the activations of
    all chunks there that it depends on. It says nothing about the order of independent chunks.
    """
    problem = plan.problem
    beyond = 0.0
    for device in sorted(set(partial.values())):
        here = [c for u, d in partial.items() if d == device for c in plan.units[u]]
        static = sum(problem.chunks[c].static_bytes for c in here)
        needed = max(_forward_bytes(problem, c, here, plan.above[c]) for c in here)
        if static + needed > limit(problem.capacity_bytes[device]):
            beyond += static + needed - problem.capacity_bytes[device]
    return beyond


def _forward_bytes(
    problem: PlacementProblem, c: int, here: Sequence[int], above: frozenset[int]
) -> float:
    """Activations and workspace on the device at a forward of chunk c."""
    held = sum(problem.chunks[other].activation_bytes for other in here if other in above)
    return held + problem.chunks[c].activation_bytes + problem.chunks[c].workspace_bytes


def relaxed(plan: Layout, partial: Partial) -> ScheduleProblem:
    """The schedule problem of a map of units, or for a partial one its relaxation."""
    return placed(plan.problem, partial, plan.units)


def placed(
    problem: PlacementProblem, partial: Partial, groups: Sequence[Sequence[int]]
) -> ScheduleProblem:
    """The schedule problem of a map of the units `groups`, relaxed where it is partial."""
    options = [(partial[u],) if u in partial else allowed(problem, g) for u, g in enumerate(groups)]
    static = [0.0] * problem.devices
    for u, device in partial.items():
        static[device] += sum(problem.chunks[c].static_bytes for c in groups[u])
    capacity = [_left(one, used) for one, used in zip(problem.capacity_bytes, static, strict=True)]
    tails = list(problem.tails)
    on: dict[int, int] = {}
    for u, group in enumerate(groups):
        if u not in partial:
            own = sum(problem.chunks[c].static_bytes for c in group)
            capacity.append(max(_left(capacity[d], own) for d in options[u]))
            tails.append(min(problem.tails[d] for d in options[u]))
        on.update(dict.fromkeys(group, partial.get(u, len(tails) - 1)))
    where = {c: options[u] for u, group in enumerate(groups) for c in group}
    return ScheduleProblem(
        len(tails),
        tuple(on_device(chunk, on[c]) for c, chunk in enumerate(problem.chunks)),
        tuple(
            Edge(edge.source, edge.target, _least_delay(problem, edge, on, where))
            for edge in problem.edges
        ),
        problem.microbatches,
        tuple(capacity),
        tuple(tails),
        problem.split_backward,
        objective=problem.objective,
        pins=problem.pins,
    )


def _left(capacity: float, static: float) -> float:
    """What static bytes leave of a capacity; sums of floats that just fit leave nothing, not
    less."""
    left = capacity - static
    return max(left, 0.0) if static <= limit(capacity) else left


def _least_delay(
    problem: PlacementProblem,
    edge: FreeEdge,
    on: Mapping[int, int],
    where: Mapping[int, tuple[int, ...]],
) -> float:
    """The delay of an edge, over all devices that its ends may still have."""
    ones, others = where[edge.source], where[edge.target]
    if on[edge.source] == on[edge.target] or not set(ones).isdisjoint(others):
        return 0.0
    if not problem.pair_delays:
        return edge.delay
    return edge.delay + min(problem.pair_delays[d][e] for d in ones for e in others)
