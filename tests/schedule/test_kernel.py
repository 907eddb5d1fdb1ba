"""Repeating kernels: sound when repeated without end, of the least period, orders that fit."""

from __future__ import annotations

import threading
from dataclasses import replace

import pytest
from hypothesis import given, settings

from solver.schedule import ScheduleProblem
from solver.schedule.cpsat import Effort
from solver.schedule.kernel import Kernel, kernels, unroll
from solver.schedule.kernel.coarse import coarse
from solver.schedule.kernel.model import find
from solver.schedule.kernel.period import critical_path, least_period
from solver.schedule.memory import fits, limit
from solver.schedule.operators import Operators, Order, lower
from solver.schedule.retime import makespan, retime
from solver.schedule.ticks import in_ticks
from tests.schedule.instances import Times, pipeline, small_problems

UNIT: Times = (1.0, 1.0, 1.0)
EFFORT = Effort(20.0, 1, 0, True, threading.Event())


def ticked(problem: ScheduleProblem) -> Operators:
    return in_ticks(lower(problem, fused=not problem.split_backward), 1e4).operators


def orders(operators: Operators, seconds: float = 20.0) -> list[Order]:
    return list(kernels(operators, seconds, 1, 0, True, threading.Event()))


def assert_repeats(operators: Operators, kernel: Kernel) -> None:
    """Tick by tick, all micro-batches a period apart: one operator per machine, memory kept."""
    duration = [int(kind.duration) for kind in operators.kinds]
    for k, kind in enumerate(operators.kinds):
        for source, delay in kind.inputs:
            assert kernel.starts[k] >= kernel.starts[source] + duration[source] + delay
    for time in range(kernel.flow + (operators.microbatches - 1) * kernel.period):
        for machine, here in enumerate(operators.on_machine):
            running, held = [], 0.0
            for k in here:
                kind = operators.kinds[k]
                for m in range(operators.microbatches):
                    start = kernel.starts[k] + m * kernel.period
                    if start <= time < start + duration[k]:
                        running.append(k)
                    held += kind.allocates * (start <= time)
                    held -= kind.releases * (start + duration[k] <= time)
            assert len(running) <= 1
            if machine < len(operators.capacity) and all(duration[k] for k in here):
                held += max((operators.kinds[k].workspace for k in running), default=0.0)
                assert held <= limit(operators.capacity[machine])


@given(small_problems(3, 4))
@settings(max_examples=25, deadline=None)
def test_kernels_repeat_and_their_orders_are_sound(problem: ScheduleProblem) -> None:
    operators = ticked(problem)
    least = least_period(operators)
    if least is not None:
        horizon = 2 * critical_path(operators) + 2 * least
        kernel = find(operators, least, horizon, replace(EFFORT, seconds=0.2)).kernel
        if kernel is not None:
            assert_repeats(operators, kernel)
    for order in orders(operators, 0.2):
        assert sorted(op for row in order for op in row) == list(range(operators.count))
        assert fits(operators, order)
        assert retime(operators, order) is not None


@pytest.mark.parametrize(
    ("stages", "memory", "period"),
    [
        (1, 1, 3),  # F, B and W follow one another: the work
        (3, 1, 7),  # the first stage holds its one micro-batch over 3 F, 3 B and its W
        (3, 2, 4),  # 7 ticks held, two at once: 3.5, in whole ticks
        (3, 3, 3),
        (5, 5, 3),
    ],
)
def test_the_period_of_a_chain(stages: int, memory: float, period: int) -> None:
    operators = ticked(pipeline(stages, 12, UNIT, memory))
    assert least_period(operators) == period
    kernel = find(operators, period, 40, EFFORT).kernel
    assert kernel is not None
    assert find(operators, period - 1, 40, EFFORT).status == "infeasible"


def test_the_search_goes_on_where_the_bound_has_no_kernel() -> None:
    # 11 ticks held, four at once: 2.75. But of F, B and W a tick each, all with period 3, the F at
    # p and the B at 9 - p of stages 0 and 3 fall together, and there is one tick to spare.
    operators = ticked(pipeline(5, 12, UNIT, 4))
    assert least_period(operators) == 3
    assert find(operators, 3, 40, EFFORT).status == "infeasible"
    assert find(operators, 4, 40, EFFORT).kernel is not None
    assert orders(operators)


def test_nothing_is_found_where_nothing_fits() -> None:
    assert orders(ticked(pipeline(1, 4, UNIT, 1.5, visits=2))) == []  # two chunks, room for one


def test_a_kernel_keeps_all_devices_busy_under_tight_memory() -> None:
    operators = ticked(pipeline(8, 24, UNIT, 8, shape="v", visits=2))
    best = orders(operators)[0]
    starts = retime(operators, best)
    assert starts is not None
    bubble = makespan(operators, best, starts) - operators.work(0)
    assert bubble <= 27  # the critical path of a micro-batch, 33, less its work on a device


def test_unequal_times_are_rounded_and_the_best_order_comes_first() -> None:
    problem = pipeline(4, 12, (36.0, 59.0, 35.0), 6, shape="v", visits=2)
    operators = ticked(problem)
    rounded = coarse(operators)
    assert rounded.work(0) < operators.work(0)
    found = orders(operators)
    values = []
    for order in found:
        starts = retime(operators, order)
        assert starts is not None
        values.append(makespan(operators, order, starts))
    assert values
    assert values == sorted(values)
    assert values[0] >= operators.work(0)


def test_small_times_are_left_alone() -> None:
    operators = ticked(pipeline(2, 3, (1.0, 2.0, 3.0), 2))
    assert coarse(operators) is operators


def test_unrolling_repeats_a_kernel_every_period() -> None:
    operators = ticked(pipeline(1, 3, UNIT, 2))
    kernel = Kernel(3, (0, 1, 5), 6)  # F at 0, B at 1, W of the micro-batch before at 2
    f, b, w = 0, 3, 6
    assert unroll(operators, kernel) == ((f, b, f + 1, b + 1, w, f + 2, b + 2, w + 1, w + 2),)


def test_runs_repeat_and_stop_at_once() -> None:
    operators = ticked(pipeline(3, 8, (36.0, 59.0, 35.0), 5, shape="v", visits=2))
    assert orders(operators, 0.1) == orders(operators, 0.1)
    stop = threading.Event()
    stop.set()
    assert list(kernels(operators, 1000.0, 2, 0, False, stop)) == []
