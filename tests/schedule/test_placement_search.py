"""What free places gain and cost: shapes, pins at their price, memory, interrupts, repetition."""

from __future__ import annotations

import threading
import time
from dataclasses import replace

import pytest

from solver.schedule import solve
from solver.schedule.placement import (
    FreeChunk,
    FreeEdge,
    Placement,
    PlacementProblem,
    PlacePin,
    solve_placed,
)
from solver.schedule.placement.bounds import bound_of_all
from solver.schedule.placement.maps import layout
from tests.schedule.test_placement import by_hand, chain, checked

TIMES = (36.0, 59.0, 35.0)


def test_a_v_beats_the_linear_map() -> None:
    problem = chain(4, 2, 4, TIMES, 4.0)
    linear = solve(by_hand(problem, (0, 0, 1, 1)), 10.0)
    assert linear.status == "optimal"
    assert linear.schedule is not None
    result = solve_placed(problem, 20.0)
    best = checked(problem, result)
    assert result.status == "optimal"
    assert best.devices == (0, 1, 1, 0)
    assert (linear.schedule.makespan, best.value) == (1160.0, 1099.0)


def test_two_pipes_in_opposite_directions_meet_the_bound_of_all_maps() -> None:
    one = chain(4, 4, 5, TIMES, 5.0)
    other = tuple(
        replace(edge, source=edge.source + 4, target=edge.target + 4) for edge in one.edges
    )
    problem = replace(one, chunks=one.chunks * 2, edges=one.edges + other)
    result = solve_placed(problem, 60.0)
    assert result.status == "optimal"
    assert checked(problem, result).value == bound_of_all(layout(problem)) == 1336.0


def test_sixteen_chunks_on_eight_devices_meet_the_bound_of_all_maps() -> None:
    problem = chain(16, 8, 8, (1.0, 1.0, 1.0), 16.0)
    result = solve_placed(problem, 30.0)
    assert result.status == "optimal"
    assert checked(problem, result).value == 6 * 8 + 7


@pytest.mark.slow
def test_no_map_of_dualpipes_problem_beats_the_v() -> None:
    problem = chain(8, 4, 10, TIMES, 9.0)
    result = solve_placed(problem, 120.0)
    assert checked(problem, result).value == 2741.0
    assert result.status == "optimal"


def pinned(weight: float) -> PlacementProblem:
    """Two chunks that run side by side at no cost; a pin wants them on one device, which takes 6
    seconds more."""
    chunks = tuple(FreeChunk(name, 1.0, 1.0, 1.0, 1.0, 0.0) for name in "ab")
    pins = (PlacePin(0, 0, 100.0), PlacePin(1, 0, weight))
    return PlacementProblem(2, chunks, (), 2, (9.0, 9.0), (0.0, 0.0), True, place_pins=pins)


@pytest.mark.parametrize(("weight", "broken", "value"), [(5.9, (1,), 11.9), (6.1, (), 12.0)])
def test_a_pin_is_broken_where_that_saves_more_than_its_weight(
    weight: float, broken: tuple[int, ...], value: float
) -> None:
    result = solve_placed(pinned(weight), 10.0)
    best = checked(pinned(weight), result)
    assert result.status == "optimal"
    assert best.broken == broken
    assert best.value == pytest.approx(value)


def test_static_bytes_drive_chunks_apart() -> None:
    chunks = tuple(
        FreeChunk(f"c{i}", 1.0, 1.0, 1.0, 1.0, 0.0, static_bytes=held)
        for i, held in enumerate((4.0, 4.0, 1.0))
    )
    edges = (FreeEdge(0, 1, 50.0), FreeEdge(1, 2, 50.0))
    problem = PlacementProblem(2, chunks, edges, 2, (10.0, 8.0), (0.0, 0.0), True)
    apart = checked(problem, solve_placed(problem, 10.0))
    assert apart.devices[0] != apart.devices[1]  # two transfers of 50 s, as 8 + 2 bytes fill 10
    roomy = replace(problem, capacity_bytes=(13.0, 8.0))
    assert checked(roomy, solve_placed(roomy, 10.0)).devices == (0, 0, 0)
    full = replace(problem, capacity_bytes=(4.5, 4.5))
    assert solve_placed(full, 10.0).status == "infeasible"


def test_chunks_of_a_group_share_a_device_and_overlap_on_its_streams() -> None:
    compute = FreeChunk("compute", 2.0, 2.0, 0.0, 0.0, 0.0)
    collective = FreeChunk("collective", 1.0, 1.0, 0.0, 0.0, 0.0, stream=1)
    problem = PlacementProblem(
        2,
        (compute, collective, compute, collective),
        (FreeEdge(0, 1, 0.0), FreeEdge(1, 2, 0.0), FreeEdge(2, 3, 0.0)),
        3,
        (1.0, 1.0),
        (0.0, 0.0),
        False,
        together=((0, 1), (2, 3)),
    )
    result = solve_placed(problem, 20.0)
    assert result.status == "optimal"
    assert result.best is not None
    devices = result.best.devices
    assert devices[0] == devices[1] != devices[2] == devices[3]


def test_every_incumbent_is_better_than_the_last_and_stop_keeps_it() -> None:
    seen: list[Placement] = []
    stop = threading.Event()
    problem = chain(12, 6, 12, TIMES, 5.0, delay=3.0)
    begin = time.monotonic()
    threading.Timer(1.0, stop.set).start()
    result = solve_placed(problem, 60.0, on_incumbent=seen.append, stop=stop)
    assert time.monotonic() - begin < 20.0
    assert result.best == seen[-1]
    assert [one.value for one in seen] == sorted({one.value for one in seen}, reverse=True)
    checked(problem, result)


def test_no_time_at_all_still_gives_a_placement() -> None:
    problem = chain(8, 4, 6, TIMES, 6.0)
    result = solve_placed(problem, 0.0)
    assert result.status == "feasible"
    checked(problem, result)


def test_deterministic_runs_repeat() -> None:
    problem = chain(4, 2, 3, TIMES, 3.0, delay=1.0)
    one, two = (solve_placed(problem, 0.3, workers=1, seed=3, deterministic=True) for _ in range(2))
    assert one == two


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"place_pins": (PlacePin(0, 2, 1.0),)}, "device 2, which is not there"),
        ({"place_pins": (PlacePin(0, 0, -1.0),)}, "weight"),
        ({"pair_delays": ((0.0, 1.0), (2.0, 0.0))}, "both directions"),
        ({"pair_delays": ((0.0, 1.0),)}, "a row and a column"),
        ({"together": ((0, 7),)}, "group"),
        ({"edges": (FreeEdge(0, 1, 0.0), FreeEdge(1, 0, 0.0))}, "circle"),
        ({"chunks": (FreeChunk("a", 1.0, 1.0, 1.0, 0.0, 0.0, devices=()),)}, "nowhere"),
        ({"chunks": (FreeChunk("a", 1.0, 1.0, 1.0, 0.0, 0.0, devices=(2,)),)}, "not there"),
        ({"chunks": (FreeChunk("a", 1.0, 1.0, 1.0, 0.0, 0.0, static_bytes=-1.0),)}, "static"),
    ],
)
def test_parts_that_do_not_fit_together_are_refused(change: dict[str, object], reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        replace(chain(2, 2, 1, TIMES, 4.0), **change)  # type: ignore[arg-type]


def test_a_group_needs_a_device_that_all_of_it_may_use() -> None:
    problem = chain(2, 2, 1, TIMES, 4.0)
    apart = tuple(replace(c, devices=(d,)) for d, c in enumerate(problem.chunks))
    with pytest.raises(ValueError, match="no device may hold all of c0, c1"):
        replace(problem, chunks=apart, together=((0, 1),))
