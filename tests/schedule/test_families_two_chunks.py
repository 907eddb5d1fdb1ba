"""Families of two chunks per device: published bubble and memory figures for 2 to 16 devices."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from solver.schedule import (
    Edge,
    Schedule,
    ScheduleProblem,
    estimate,
    makespan_bubble,
    solve,
    span_bubble,
)
from solver.schedule.families import v_any_memory
from solver.schedule.families.eight_steps import Block, blocks
from solver.schedule.families.two_chunks import Step
from solver.schedule.memory import peaks
from solver.schedule.operators import lower
from solver.schedule.starts import family_schedule, timed
from tests.schedule.instances import Times, bidirectional, pipeline

UNIT = (1.0, 1.0, 1.0)
AMPLE = 1000.0
STAGES = range(2, 17)
Operator = tuple[str, int, int]
"""Phase, chunk, micro-batch."""
V_FAMILIES = ["zb_v", "v_half", "v_min", "dualpipe_v"]


def v(
    stages: int, microbatches: int, family: str, memory: float = AMPLE, times: Times = UNIT
) -> ScheduleProblem:
    return pipeline(stages, microbatches, times, memory, family=family, shape="v", visits=2)


def scheduled(problem: ScheduleProblem) -> Schedule:
    """The checked schedule of the problem's family."""
    result = solve(problem, 0.0)
    assert result.schedule is not None
    assert result.bound == result.schedule.makespan == estimate(problem)
    return result.schedule


def activations(problem: ScheduleProblem) -> list[float]:
    operators, found = family_schedule(problem)
    assert found is not None
    return peaks(operators, found.order)


@pytest.mark.parametrize("stages", STAGES)
def test_zb_v_has_no_bubble_in_the_memory_of_1f1b(stages: int) -> None:
    for count in (2 * stages - 1, 2 * stages, 3 * stages + 1):
        problem = v(stages, count, "zb_v", memory=2 * stages)
        schedule = scheduled(problem)
        assert span_bubble(problem, schedule) == (0.0,) * stages
        assert makespan_bubble(problem, schedule) == (stages - 1.0,) * stages
        assert activations(problem) == [2 * stages] * stages


@pytest.mark.parametrize("stages", STAGES)
def test_v_half_halves_the_memory(stages: int) -> None:
    bubble = max(3 * stages - 7, 1) if stages % 2 == 0 else 3 * stages - 4
    room = 2 * ((stages + 2) // 2)
    for count in (stages, stages + 1, 2 * stages, 3 * stages + 1):
        problem = v(stages, count, "v_half", memory=room)
        schedule = scheduled(problem)
        assert makespan_bubble(problem, schedule) == (bubble,) * stages
        assert max(span_bubble(problem, schedule)) == bubble
        assert max(activations(problem)) == room


@pytest.mark.parametrize("stages", STAGES)
def test_v_min_takes_a_third_of_the_memory(stages: int) -> None:
    bubble = 4 * stages - (5 if stages % 3 == 1 else 7)
    room = 2 * ((stages + 4) // 3)
    for count in (stages, stages + 1, 2 * stages, 3 * stages + 1):
        problem = v(stages, count, "v_min", memory=room)
        schedule = scheduled(problem)
        assert makespan_bubble(problem, schedule) == (bubble,) * stages
        assert max(span_bubble(problem, schedule)) == bubble
        assert max(activations(problem)) == room


@pytest.mark.parametrize("stages", STAGES)
def test_dualpipe_v_with_its_parts_apart(stages: int) -> None:
    for count in (2 * stages, 2 * stages + 1, 3 * stages + 1):
        problem = v(stages, count, "dualpipe_v", memory=2 * stages + 1)
        assert makespan_bubble(problem, scheduled(problem)) == (stages - 1.0,) * stages
        assert activations(problem) == [2 * stages + 1] * stages


@pytest.mark.parametrize("stages", STAGES[::2])
def test_dualpipe_with_its_parts_apart(stages: int) -> None:
    for count in (stages, stages + 1, 2 * stages):
        problem = bidirectional(stages, count, UNIT, stages + 1, "dualpipe")
        assert makespan_bubble(problem, scheduled(problem)) == (stages / 2 - 1,) * stages
        assert activations(problem) == [stages + 1] * stages


@pytest.mark.parametrize("half", STAGES)
def test_published_bubble_of_dualpipe(half: int) -> None:
    """(H - 1)(F&B + B - 3W) with F&B = 3, B = 2 and W = 1; a V of H devices is what the lower half
    of 2H devices does."""
    for count in (2 * half, 2 * half + 1, 3 * half + 1):
        runs = [blocks(rank, half, count) for rank in range(half)]
        assert block_makespan(runs, count) - 6 * count == (half - 1) * (3 + 2 - 3)


def block_makespan(runs: Sequence[Sequence[Block]], count: int) -> int:
    """The makespan of a V at unit times when a block is one operator: it waits for all that comes
    from outside of it, and its results leave at its end."""
    last = 2 * len(runs) - 1
    ends: dict[Operator, int] = {}
    free = [0] * len(runs)
    left = [deque(numbered_blocks(run, (d, last - d))) for d, run in enumerate(runs)]
    progress = True
    while progress:
        progress = False
        for device, run in enumerate(left):
            while run:
                needed = {n for operator in run[0] for n in inputs(operator, last)} - set(run[0])
                if not needed <= ends.keys():
                    break
                block = run.popleft()
                free[device] = max([free[device], *(ends[n] for n in needed)]) + len(block)
                ends |= dict.fromkeys(block, free[device])
                progress = True
    assert len(ends) == 6 * len(runs) * count
    return max(free)


def numbered_blocks(run: Sequence[Block], chunks: tuple[int, int]) -> list[list[Operator]]:
    taken: Counter[Step] = Counter()
    result: list[list[Operator]] = []
    for block in run:
        result.append([(phase, chunks[part], taken[phase, part]) for phase, part in block])
        taken.update(block)
    return result


def inputs(operator: Operator, last: int) -> list[Operator]:
    phase, chunk, m = operator
    if phase == "F":
        return [("F", chunk - 1, m)] if chunk else []
    if phase == "W":
        return [("B", chunk, m)]
    return [("F", chunk, m), *([("B", chunk + 1, m)] if chunk < last else [])]


@given(
    st.sampled_from([*V_FAMILIES, "dualpipe"]),
    st.integers(1, 5),
    st.integers(1, 12),
    st.tuples(*[st.sampled_from([0.5, 1.0, 3.0])] * 3),
    st.sampled_from([0.0, 0.5]),
)
def test_the_order_is_sound_for_any_size_and_times(
    family: str, stages: int, count: int, times: Times, delay: float
) -> None:
    if family == "dualpipe":
        problem = bidirectional(2 * stages, count, times, AMPLE, family)
    else:
        problem = v(stages, count, family, times=times)
    edges = tuple(replace(edge, delay=delay) for edge in problem.edges)
    scheduled(replace(problem, edges=edges))  # solve checks dependencies, overlaps and memory


@pytest.mark.parametrize("family", ["v_half", "v_min"])
@pytest.mark.parametrize("stages", STAGES)
def test_few_microbatches_never_take_more_memory(family: str, stages: int) -> None:
    room = 2 * ((stages + 2) // 2 if family == "v_half" else (stages + 4) // 3)
    for count in range(1, stages):
        assert max(activations(v(stages, count, family))) <= min(room, 2 * count)


@pytest.mark.parametrize("stages", STAGES)
def test_any_memory_between_v_min_and_zb_v(stages: int) -> None:
    least, half, most = 2 * ((stages + 4) // 3), 2 * ((stages + 2) // 2), 2 * stages
    bubbles: list[float] = []
    for room in range(least, most + 1):
        problem = v(stages, 2 * stages, "v_min", memory=room)
        operators = lower(problem, fused=False)
        found = timed(operators, v_any_memory.order(operators))  # None if it exceeded the room
        assert found is not None
        bubbles.append(found.makespan - operators.work(0))
    assert bubbles[-1] == stages - 1  # no bubble but the ramp
    steps = [before - after for before, after in pairwise(bubbles)]
    assert all(0 < step <= 2 for room, step in enumerate(steps, least + 1) if room != half)


@pytest.mark.parametrize("family", V_FAMILIES)
def test_a_v_over_its_memory_is_infeasible(family: str) -> None:
    problem = v(4, 12, family, memory=3.0)
    assert solve(problem, 1.0).status == "infeasible"
    assert estimate(problem) == float("inf")


SKIP = (*v(2, 4, "zb_v").edges, Edge(0, 2, 0.0))
REFUSALS = [
    *(
        (pipeline(4, 4, UNIT, 9, family=f, visits=2), "down the devices and back")
        for f in V_FAMILIES
    ),
    *((pipeline(4, 4, UNIT, 9, family=f), "two chunks per device") for f in V_FAMILIES),
    *((bidirectional(4, 4, UNIT, 9, f), "a chain of chunks") for f in V_FAMILIES),
    (replace(v(2, 4, "v_half"), edges=SKIP), "a chain of chunks"),
    (replace(v(2, 4, "v_min"), split_backward=False), "needs the weight gradient apart"),
    (bidirectional(3, 4, UNIT, 9, "dualpipe"), "an even number of devices"),
    (pipeline(2, 4, UNIT, 9, family="dualpipe"), "one chain down the devices and one up"),
    (v(2, 4, "dualpipe"), "two chains of chunks"),
]


@pytest.mark.parametrize(("problem", "words"), REFUSALS)
def test_refusals(problem: ScheduleProblem, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        estimate(problem)
