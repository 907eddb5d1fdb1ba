"""What makes an order one of a family: published sizes, the scheduler's orders, and departures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from solver.schedule import Chunk, Edge, ScheduleProblem
from solver.schedule.families import family_order, is_fused, refusal
from solver.schedule.operators import lower
from solver.verify.check import verify
from solver.verify.chunk_families import CHUNKED_FAMILIES, departures
from solver.verify.families import fixed_order, order_violations
from solver.verify.figures import Edge as StageEdge
from solver.verify.figures import StageTime
from solver.verify.messages import Operator, messages, stuck
from solver.verify.simulate import by_stage, run
from tests.verify.plans import plan
from tests.verify.schedule_cases import Rows, chain, row, v

Pairs = list[tuple[int, int]]


def shape(family: str, devices: int) -> tuple[list[int], Pairs]:
    """Devices of the chunks, and edges."""
    if family == "interleaved":
        return [*range(devices), *range(devices)], chain(2 * devices)
    edges = chain(2 * devices)
    if family == "dualpipe":
        edges.remove((devices - 1, devices))
    return v(devices), edges


def scheduled(family: str, devices: int, microbatches: int) -> Rows | None:
    """The order that the scheduler has for a family, where it has one."""
    place, edges = shape(family, devices)
    problem = ScheduleProblem(
        devices,
        tuple(Chunk(f"c{at}", device, 1, 1, 1, 1, 0) for at, device in enumerate(place)),
        tuple(Edge(source, target, 0.0) for source, target in edges),
        microbatches,
        (1e9,) * devices,
        (0.0,) * devices,
        True,
        family,
    )
    if refusal(problem, family):
        return None
    operators = lower(problem, is_fused(family))
    names: list[Operator] = [
        (kind.chunk, m, kind.phase) for kind in operators.kinds for m in range(microbatches)
    ]
    return [[names[each] for each in line] for line in family_order(operators, family)]


def found(family: str, rows: Sequence[Sequence[Operator]]) -> list[str]:
    return list(departures(family, len(rows), *shape(family, len(rows)), rows))


@pytest.mark.parametrize("family", CHUNKED_FAMILIES)
def test_the_schedulers_orders_are_the_families(family: str) -> None:
    """2 to 16 devices; few micro-batches and many. None hangs on one queue per device."""
    seen = 0
    for devices in (2, 3, 4, 6, 8, 13, 16):
        for microbatches in (1, devices, 2 * devices + 1, 3 * devices):
            rows = scheduled(family, devices, microbatches)
            if rows is None:
                continue
            seen += 1
            assert found(family, rows) == []
            place, edges = shape(family, devices)
            sent = messages(rows, edges, "B" * len(place))  # type: ignore[arg-type]
            assert stuck(rows, sent, one_queue=True) == ()
    assert seen >= 12


def test_interleaved_by_hand() -> None:
    """Two devices, two chunks on each, four micro-batches in groups of two: device 0 is 4 forwards
    ahead, device 1 is 2."""
    rows = [
        row(
            "0F0 0F1 2F0 2F1 0F2 2B0 0F3 2B1 2F2 0B0 2F3 0B1 2B2 2B3 0B2 0B3",
        ),
        row(
            "1F0 1F1 3F0 3B0 3F1 3B1 1F2 1B0 1F3 1B1 3F2 3B2 3F3 3B3 1B2 1B3",
        ),
    ]
    assert found("interleaved", rows) == []
    rows[1][0], rows[1][1] = rows[1][1], rows[1][0]
    assert found("interleaved", rows) == ["device 1 does not follow the order of `interleaved`"]


def test_interleaved_needs_whole_groups_of_microbatches() -> None:
    rows = [row("0F0 2F0 2B0 0B0"), row("1F0 3F0 3B0 1B0")]
    assert found("interleaved", rows) == ["`interleaved` takes a multiple of 2 micro-batches"]


@pytest.mark.parametrize("family", CHUNKED_FAMILIES)
def test_other_placements_are_not_the_familys(family: str) -> None:
    rows = scheduled(family, 4, 8)
    assert rows is not None
    place, edges = shape(family, 4)
    assert list(departures(family, 4, place, edges[:-1], rows))
    assert list(departures(family, 4, place, [*edges, (0, 3)], rows))
    assert list(departures(family, 4, [*reversed(range(4)), *range(4)], edges, rows))
    assert list(departures(family, 4, range(4), chain(4), rows))
    if family == "dualpipe":
        assert list(departures(family, 4, place, chain(8), rows))


SPLIT = [family for family in CHUNKED_FAMILIES if family != "interleaved"]


@pytest.mark.parametrize("family", SPLIT)
def test_one_microbatch_at_a_time_idles_too_long(family: str) -> None:
    rows: Rows = [[] for _ in range(4)]
    place, edges = shape(family, 4)
    down = range(8) if family != "dualpipe" else [0, 7, 1, 6, 2, 5, 3, 4]
    for m in range(8):
        for chunk in sorted(down):
            rows[place[chunk]].append((chunk, m, "F"))
        for chunk in sorted(down, reverse=True):
            rows[place[chunk]] += [(chunk, m, "B"), (chunk, m, "W")]
    words = list(departures(family, 4, place, edges, rows))
    assert words
    assert all("idles" in each or "mirror" in each for each in words)


@pytest.mark.parametrize("family", SPLIT)
def test_all_forwards_first_hold_too_much(family: str) -> None:
    place, _ = shape(family, 4)
    chunks: list[list[int]] = [[c for c in range(8) if place[c] == d] for d in range(4)]
    rows: Rows = []
    for device in range(4):
        line: list[Operator] = [(c, m, "F") for c in chunks[device] for m in range(12)]
        for c in reversed(chunks[device]):
            for m in range(12):
                line += [(c, m, "B"), (c, m, "W")]
        rows.append(line)
    assert any("device 0 holds 24 activations" in words for words in found(family, rows))


@pytest.mark.parametrize("devices", [4, 8])
@pytest.mark.parametrize(
    ("family", "published"),
    [
        ("zb_v", {4: 8, 8: 16}),
        ("v_half", {4: 6, 8: 10}),
        ("v_min", {4: 4, 8: 8}),
        ("dualpipe", {4: 5, 8: 9}),
        ("dualpipe_v", {4: 9, 8: 17}),
    ],
)
def test_one_activation_more_than_published_is_too_much(
    family: str, published: dict[int, int], devices: int
) -> None:
    """A forward moves up to where the device holds the most."""
    rows = scheduled(family, devices, 3 * devices)
    assert rows is not None
    most = published[devices]
    line = rows[0]
    held = [sum({"F": 1, "B": 0, "W": -1}[p] for _, _, p in line[:at]) for at in range(len(line))]
    full = held.index(most)
    line.insert(full, line.pop(next(at for at in range(full, len(line)) if line[at][2] == "F")))
    assert f"device 0 holds {most + 1} activations, more than {most}" in found(family, rows)


def test_an_order_of_less_memory_idles_too_long_for_zb_v() -> None:
    rows = scheduled("v_half", 4, 8)
    assert rows is not None
    words = found("zb_v", rows)
    assert words[0] == "device 0 idles 5 units at equal times, more than 0"  # 3 P - 7
    assert len(words) == 4


@pytest.mark.parametrize("family", SPLIT)
def test_swapped_microbatches_and_joined_backwards_are_departures(family: str) -> None:
    rows = scheduled(family, 4, 8)
    assert rows is not None
    other = {0: 1, 1: 0}
    swapped = [
        [(c, other.get(m, m) if (c, p) == (2, "F") else m, p) for c, m, p in line] for line in rows
    ]
    assert "F of chunk 2 does not take its micro-batches in order" in found(family, swapped)
    joined = [[x for x in line if x[2] != "W"] for line in rows]
    assert "device 3 does not run its weight gradients apart" in found(family, joined)


def test_dualpipe_is_its_own_mirror_image() -> None:
    rows = scheduled("dualpipe", 4, 8)
    assert rows is not None
    last = max(at for at, (_, _, phase) in enumerate(rows[0]) if phase == "B")
    line = rows[0]
    line[last], line[last - 1] = line[last - 1], line[last]
    assert "devices 0 and 3 are not mirror images" in found("dualpipe", rows)


def test_an_order_that_waits_for_ever_has_no_idle_time() -> None:
    rows = scheduled("v_min", 2, 2)
    assert rows is not None
    first = rows[0].index((0, 0, "F"))
    back = rows[0].index((0, 0, "B"))
    rows[0][first], rows[0][back] = rows[0][back], rows[0][first]
    assert "device 0 waits for ever" in found("v_min", rows)


@pytest.mark.parametrize("stages", [2, 4, 8])
def test_zb_h2_has_no_bubble_between_first_and_last_operator(stages: int) -> None:
    """Qi et al. 2023: at equal times, in 2 P - 1 activations; the ramp is left."""
    times = (StageTime(1.0, 1.0, 1.0, 0.0, False),) * stages
    edges = tuple(StageEdge(at, at + 1, 0.0) for at in range(stages - 1))
    order = fixed_order("zb_h2", times, edges, 3 * stages)
    assert order is not None
    rows = by_stage(run(order, times, edges), stages)
    assert [line[-1].end - line[0].start for line in rows] == [9.0 * stages] * stages
    for line in order:
        held = [sum({"F": 1, "B": 0, "W": -1}[p] for p, _ in line[:at]) for at in range(len(line))]
        assert max(held) == 2 * stages - 1


def test_zb_h2_is_open_where_no_weight_gradient_is_apart() -> None:
    times = (StageTime(1.0, 2.0, 0.0, 0.0, True),) * 2
    assert fixed_order("zb_h2", times, (StageEdge(0, 1, 0.0),), 4) is None
    mixed = (times[0], StageTime(1.0, 1.0, 1.0, 0.0, False))
    order = fixed_order("zb_h2", mixed, (StageEdge(0, 1, 0.0),), 4)
    assert order is not None
    assert [phase for phase, _ in order[0]] == list("FFFBFBBB")
    assert [phase for phase, _ in order[1]] == list("FBFBFBWFBWWW")


@pytest.mark.parametrize("family", CHUNKED_FAMILIES)
def test_stages_of_one_chunk_follow_no_family_of_several(family: str) -> None:
    times = (StageTime(1.0, 1.0, 1.0, 0.0, False),) * 2
    edges = (StageEdge(0, 1, 0.0),)
    order = fixed_order("zb_h1", times, edges, 4)
    assert order is not None
    rows = by_stage(run(order, times, edges), 2)
    codes = [x.code for x in order_violations(family, rows, times, edges, 4)]
    assert codes == ["schedule-family"]
    assert not list(order_violations(family, rows[:1], times[:1], (), 4))


def test_a_plan_that_leaves_the_order_of_zb_h2_is_rejected() -> None:
    problem, document = plan("free_order")
    pipeline = replace(problem.train.pipeline, family="zb_h2")
    asked = replace(problem, train=replace(problem.train, pipeline=pipeline))
    document["pipeline"]["family"] = "zb_h2"
    assert verify(document, asked).codes == ("schedule-family",)
