"""Chunks placed by the solver: against every map with exhaustive search, pins at their price,
shapes."""

from __future__ import annotations

import math
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from solver.schedule import Chunk, Edge, ScheduleProblem
from solver.schedule.check import violations
from solver.schedule.placement import (
    FreeChunk,
    FreeEdge,
    Placement,
    PlacementProblem,
    PlacementResult,
    PlacePin,
    solve_placed,
)
from solver.schedule.placement.bounds import bound_of_all, partial_bound
from solver.schedule.placement.maps import layout
from solver.schedule.placement.symmetry import canonical, classes, count_maps
from tests.schedule.exhaustive import _Search

NOISE = 1e-9


@st.composite
def small_placements(draw: st.DrawFn) -> PlacementProblem:
    """Up to 4 chunks on up to 3 devices, any DAG; devices alike or not, places free or not."""
    size, devices = draw(st.integers(1, 4)), draw(st.integers(1, 3))
    is_split = draw(st.booleans()) and size < 4
    is_alike = draw(st.booleans())
    few = st.integers(0, 3)
    pairs = [(i, j) for i in range(size) for j in range(i + 1, size)]
    capacity = [float(draw(st.integers(3, 9))) for _ in range(devices)]
    tails = [float(draw(few)) for _ in range(devices)]
    delays = {(d, e): float(draw(st.integers(0, 2))) for d in range(devices) for e in range(d)}
    is_near = draw(st.booleans())
    return PlacementProblem(
        devices,
        tuple(_free_chunk(draw, c, devices) for c in range(size)),
        tuple(FreeEdge(i, j, float(draw(few))) for i, j in pairs if draw(st.booleans())),
        draw(st.integers(1, 2)),
        tuple(capacity[:1] * devices if is_alike else capacity),
        tuple(tails[:1] * devices if is_alike else tails),
        is_split,
        place_pins=tuple(
            PlacePin(draw(st.integers(0, size - 1)), draw(st.integers(0, devices - 1)), weight)
            for weight in draw(st.lists(st.sampled_from((0.5, 2.0, 6.0)), max_size=2))
        ),
        pair_delays=tuple(
            tuple(delays.get((max(d, e), min(d, e)), 0.0) for e in range(devices))
            for d in range(devices)
        )
        if is_near
        else (),
        together=((0, size - 1),) if draw(st.integers(0, 5)) == 0 else (),
    )


def _free_chunk(draw: st.DrawFn, c: int, devices: int) -> FreeChunk:
    held = draw(st.integers(0, 3))
    is_fixed = draw(st.integers(0, 3)) == 0
    return FreeChunk(
        f"c{c}",
        float(draw(st.integers(1, 5))),
        float(draw(st.integers(0, 5))),
        float(draw(st.integers(0, 5))),
        float(held),
        float(draw(st.integers(0, held))),
        float(draw(st.integers(0, 1))),
        float(draw(st.integers(0, 2))),
        # chunk 0 may always join the last one
        tuple(sorted({0, draw(st.integers(0, devices - 1))})) if is_fixed else None,
    )


def by_hand(problem: PlacementProblem, devices: tuple[int, ...]) -> ScheduleProblem:
    """The schedule problem of a map, written down independently of the solver's."""
    chunks = [
        Chunk(
            c.name,
            d,
            c.forward,
            c.input_grad,
            c.weight_grad,
            c.activation_bytes,
            c.released_by_input_grad,
            c.workspace_bytes,
        )
        for c, d in zip(problem.chunks, devices, strict=True)
    ]
    rows = problem.pair_delays or ((0.0,) * problem.devices,) * problem.devices
    edges = []
    for edge in problem.edges:
        d, e = devices[edge.source], devices[edge.target]
        edges.append(Edge(edge.source, edge.target, edge.delay + rows[d][e] if d != e else 0.0))
    held = [
        sum(c.static_bytes for c, at in zip(problem.chunks, devices, strict=True) if at == d)
        for d in range(problem.devices)
    ]
    return ScheduleProblem(
        problem.devices,
        tuple(chunks),
        tuple(edges),
        problem.microbatches,
        tuple(a - b for a, b in zip(problem.capacity_bytes, held, strict=True)),
        problem.tails,
        problem.split_backward,
        objective=problem.objective,
    )


def maps(problem: PlacementProblem) -> list[tuple[int, ...]]:
    """Every map that is allowed."""
    every = range(problem.devices)
    choices = [every if c.devices is None else c.devices for c in problem.chunks]
    return [
        devices
        for devices in product(*choices)
        if all(len({devices[c] for c in group}) == 1 for group in problem.together)
    ]


def paid(problem: PlacementProblem, devices: tuple[int, ...]) -> float:
    return sum(pin.weight for pin in problem.place_pins if devices[pin.chunk] != pin.device)


def least(problem: PlacementProblem) -> float:
    """The least value over all maps and orders, inf when there is none."""
    best = math.inf
    for devices in maps(problem):
        price = paid(problem, devices)
        search = _Search(by_hand(problem, devices), in_order=True)
        search.best = best - price
        best = min(best, search.run() + price)
    return best


def checked(problem: PlacementProblem, result: PlacementResult) -> Placement:
    """The placement found, when everything it says of itself holds."""
    best = result.best
    assert best is not None
    assert best.devices in maps(problem)
    assert best.price == paid(problem, best.devices)
    schedule = best.schedule
    measured = schedule.span if problem.objective == "span" else schedule.makespan
    assert best.value == pytest.approx(measured + best.price)
    assert result.bound <= best.value
    assert schedule.bound <= schedule.value
    placed = by_hand(problem, best.devices)
    fused = not problem.split_backward
    assert not violations(placed, schedule.actions, schedule.transfers, fused)
    return best


@settings(max_examples=120, deadline=None, derandomize=True)
@given(small_placements())
def test_agrees_with_every_map_and_order(problem: PlacementProblem) -> None:
    optimum = least(problem)
    assert bound_of_all(layout(problem)) <= optimum * (1 + NOISE)
    result = solve_placed(problem, 20.0, workers=1)
    if math.isinf(optimum):
        assert result == PlacementResult("infeasible", None, math.inf)
        return
    assert result.status == "optimal"
    assert result.bound <= optimum * (1 + NOISE)
    assert checked(problem, result).value == pytest.approx(optimum, rel=2e-5)


@settings(max_examples=40, deadline=None, derandomize=True)
@given(small_placements(), st.data())
def test_bounds_of_partial_maps_hold(problem: PlacementProblem, data: st.DataObject) -> None:
    devices = data.draw(st.sampled_from(maps(problem)))
    best = _Search(by_hand(problem, devices), in_order=True).run() + paid(problem, devices)
    plan = layout(problem)
    whole = plan.whole(devices)
    assert plan.flat(whole) == devices
    bounds = [partial_bound(plan, {u: whole[u] for u in range(n)}) for n in range(len(whole) + 1)]
    assert all(bound <= best * (1 + NOISE) for bound in bounds)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(small_placements())
def test_maps_that_are_one_by_symmetry_are_worth_the_same(problem: PlacementProblem) -> None:
    plan = layout(problem)
    alike = classes(plan)
    kept = set()
    for devices in maps(problem)[:20]:
        one = plan.flat(canonical(plan, alike, plan.whole(devices)))
        assert one in maps(problem)
        assert paid(problem, one) == paid(problem, devices)
        values = [_Search(by_hand(problem, d), in_order=True).run() for d in (one, devices)]
        assert values[0] == pytest.approx(values[1])
    for devices in maps(problem):
        kept.add(plan.flat(canonical(plan, alike, plan.whole(devices))))
    assert len(kept) == count_maps(plan, alike, 1000)
