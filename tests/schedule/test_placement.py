"""Chunks placed by the solver: against every map with exhaustive search, pins at their price,
shapes."""

from __future__ import annotations

import math
import threading
from dataclasses import replace
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from solver.schedule import Chunk, Edge, ScheduleProblem, solve
from solver.schedule.budget import Budget
from solver.schedule.check import violations
from solver.schedule.cpsat import Effort
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
from solver.schedule.placement.incumbent import Incumbent
from solver.schedule.placement.maps import layout
from solver.schedule.placement.symmetry import canonical, classes, count_maps
from solver.schedule.placement.tree import search_all
from solver.schedule.problem import Objective
from tests.schedule.exhaustive import optimum

NOISE = 1e-9


@st.composite
def small_placements(draw: st.DrawFn, chunks_up_to: int) -> PlacementProblem:
    """Chunks on up to 3 devices, any DAG; devices alike or not, places free or not."""
    size, devices = draw(st.integers(1, chunks_up_to)), draw(st.integers(1, 3))
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


def chain(
    length: int,
    devices: int,
    microbatches: int,
    times: tuple[float, float, float],
    memory: float,
    delay: float = 0.0,
) -> PlacementProblem:
    """Equal chunks in a row, devices alike."""
    return PlacementProblem(
        devices,
        tuple(FreeChunk(f"c{i}", *times, 1.0, 0.0) for i in range(length)),
        tuple(FreeEdge(i, i + 1, delay) for i in range(length - 1)),
        microbatches,
        (memory,) * devices,
        (0.0,) * devices,
        True,
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


def is_allowed(problem: PlacementProblem, devices: tuple[int, ...]) -> bool:
    places = zip(problem.chunks, devices, strict=True)
    return all(d in (c.devices or range(problem.devices)) for c, d in places) and all(
        len({devices[c] for c in group}) == 1 for group in problem.together
    )


def maps(problem: PlacementProblem) -> list[tuple[int, ...]]:
    """Every map that is allowed."""
    every = product(range(problem.devices), repeat=len(problem.chunks))
    return [devices for devices in every if is_allowed(problem, devices)]


def paid(problem: PlacementProblem, devices: tuple[int, ...]) -> float:
    return sum(pin.weight for pin in problem.place_pins if devices[pin.chunk] != pin.device)


def least(problem: PlacementProblem) -> float:
    """The least value over all maps and orders, inf when there is none."""
    best = math.inf
    for devices in maps(problem):
        price = paid(problem, devices)
        if max(busy(problem, devices)) + price < best:
            best = min(best, price + optimum(by_hand(problem, devices), in_order=True))
    return best


def busy(problem: PlacementProblem, devices: tuple[int, ...]) -> list[float]:
    """Work and tail of every device."""
    times = list(problem.tails)
    for c, d in zip(problem.chunks, devices, strict=True):
        times[d] += problem.microbatches * (c.forward + c.input_grad + c.weight_grad)
    return times


def checked(problem: PlacementProblem, result: PlacementResult) -> Placement:
    """The placement found, when everything it says of itself holds."""
    best = result.best
    assert best is not None
    assert is_allowed(problem, best.devices)
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


def agree_on(problem: PlacementProblem, result: PlacementResult) -> None:
    """That `result` is the optimum over all maps and orders."""
    best = least(problem)
    assert bound_of_all(layout(problem)) <= best * (1 + NOISE)
    if math.isinf(best):
        assert result == PlacementResult("infeasible", None, math.inf)
        return
    assert result.status == "optimal"
    assert result.bound <= best * (1 + NOISE)
    assert checked(problem, result).value == pytest.approx(best, rel=2e-5)


@settings(max_examples=80, deadline=None, derandomize=True)
@given(small_placements(3))
def test_agrees_with_every_map_and_order(problem: PlacementProblem) -> None:
    agree_on(problem, solve_placed(problem, 20.0, workers=1))


@pytest.mark.slow
@settings(max_examples=150, deadline=None, derandomize=True)
@given(small_placements(4))
def test_agrees_with_every_map_of_four_chunks(problem: PlacementProblem) -> None:
    agree_on(problem, solve_placed(problem, 20.0, workers=1))


def tree_alone(problem: PlacementProblem, seconds: float = 20.0) -> PlacementResult:
    """What the search of all maps finds without starts, known bounds or a bound of all."""
    plan = layout(problem)
    incumbent = Incumbent(plan, lambda _: None)
    effort = Effort(seconds, 1, 0, False, threading.Event())
    bound = search_all(plan, incumbent, {}, 0.0, effort, Budget(seconds, deterministic=False))
    if incumbent.best is None:
        return PlacementResult("infeasible", None, bound)
    return PlacementResult(
        "optimal" if incumbent.closes(bound) else "feasible", incumbent.best, bound
    )


@settings(max_examples=60, deadline=None, derandomize=True)
@given(small_placements(3))
def test_the_search_of_all_maps_alone_agrees(problem: PlacementProblem) -> None:
    agree_on(problem, tree_alone(problem))


@pytest.mark.parametrize("objective", ["makespan", "span"])
def test_the_search_of_all_maps_proves_where_bounds_leave_a_gap(objective: Objective) -> None:
    problem = replace(chain(3, 2, 2, (3.0, 5.0, 2.0), 2.0, delay=1.0), objective=objective)
    half = [devices for devices in maps(problem) if devices[0] == 0]  # devices are alike
    fixed = [solve(by_hand(problem, devices), 10.0) for devices in half]
    assert all(one.status != "feasible" for one in fixed)
    values = [one.schedule.value for one in fixed if one.schedule is not None]
    assert bound_of_all(layout(problem)) < min(values) * 0.99
    for result in (tree_alone(problem, 30.0), solve_placed(problem, 30.0)):
        assert result.status == "optimal"
        assert checked(problem, result).value == pytest.approx(min(values), rel=2e-5)


@settings(max_examples=40, deadline=None, derandomize=True)
@given(small_placements(4), st.data())
def test_bounds_of_partial_maps_hold(problem: PlacementProblem, data: st.DataObject) -> None:
    devices = data.draw(st.sampled_from(maps(problem)))
    best = optimum(by_hand(problem, devices), in_order=True) + paid(problem, devices)
    plan = layout(problem)
    whole = plan.whole(devices)
    assert plan.flat(whole) == devices
    bounds = [partial_bound(plan, {u: whole[u] for u in range(n)}) for n in range(len(whole) + 1)]
    assert all(bound <= best * (1 + NOISE) for bound in bounds)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(small_placements(3))
def test_maps_that_are_one_by_symmetry_are_worth_the_same(problem: PlacementProblem) -> None:
    plan = layout(problem)
    alike = classes(plan)
    kept = set()
    for devices in maps(problem)[-4:]:
        one = plan.flat(canonical(plan, alike, plan.whole(devices)))
        assert is_allowed(problem, one)
        assert paid(problem, one) == paid(problem, devices)
        values = [optimum(by_hand(problem, d), in_order=True) for d in (one, devices)]
        assert values[0] == pytest.approx(values[1])
    for devices in maps(problem):
        kept.add(plan.flat(canonical(plan, alike, plan.whole(devices))))
    assert len(kept) == count_maps(plan, alike, 1000)
