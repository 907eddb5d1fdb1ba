"""Stages, transfers and the simulated schedule, against the formulas of the field."""

from __future__ import annotations

import pytest

from dsl.spec import Pipeline
from solver.verify.evaluate import evaluate
from solver.verify.families import fixed_order
from solver.verify.figures import Edge, StageTime
from solver.verify.simulate import DeadlockError, by_stage, replay, run
from tests.verify.build import SPAN, Net, mesh, mlp, spec, variant
from tests.verify.choose import choose, in_order, row


def chain(stages: int) -> tuple[Edge, ...]:
    return tuple(Edge(at, at + 1, 0.0) for at in range(stages - 1))


def times(stages: int, *, fused: bool) -> tuple[StageTime, ...]:
    """Forward 1 s, backward 2 s: fused, or 1 s each for B and W."""
    one = StageTime(1.0, 2.0, 0.0, 0.0, True) if fused else StageTime(1.0, 1.0, 1.0, 0.0, False)
    return (one,) * stages


@pytest.mark.parametrize("stages", [2, 4, 8])
@pytest.mark.parametrize(
    ("family", "fused", "bubble"),
    [
        ("gpipe", True, 3),  # (P - 1)(F + B + W)
        ("one_f_one_b", True, 3),
        ("zb_h1", False, 1),  # (P - 1)(F + B - W)
    ],
)
def test_bubble_of_families(stages: int, family: str, fused: bool, bubble: float) -> None:
    count = 2 * stages
    order = fixed_order(family, times(stages, fused=fused), chain(stages), count)
    assert order is not None
    actions = run(order, times(stages, fused=fused), chain(stages))
    assert max(a.end for a in actions) == 3 * count + bubble * (stages - 1)
    assert not list(replay(actions, times(stages, fused=fused), chain(stages)))


def test_one_f_one_b_holds_as_many_as_stages_follow() -> None:
    net = Net({})
    own = variant(1.0, 1.0, 1.0, saved_bytes=1.0)
    for at in range(4):
        net.measured(f"m{at}", f"t{at}", f"t{at + 1}", (own,), 0.0)
    problem = spec(
        net, mesh(gpu=4), pipeline=Pipeline(4, 4, "one_f_one_b", None, SPAN), transfer=0.0
    )
    chosen = choose(
        problem,
        pipeline="gpu.0 gpu.1",
        stage={f"m{at}": at for at in range(4)},
        microbatches=8,
        family="one_f_one_b",
    )
    order = fixed_order("one_f_one_b", times(4, fused=True), chain(4), 8)
    assert order is not None
    figures = evaluate(chosen, problem, order)
    assert [memory.activations for memory in figures.memory] == [4.0, 3.0, 2.0, 1.0]
    assert [time.fused for time in figures.stages] == [True] * 4
    assert figures.step_time == (8 + 3) * 3
    assert figures.bubble == pytest.approx(3 / 11)


@pytest.mark.parametrize(
    ("edges", "warm_up"),
    [
        (((0, 1), (1, 2)), [3, 2, 1]),
        (((0, 2), (1, 2)), [2, 2, 1]),  # two branches into one stage
        (((0, 1), (0, 2)), [2, 1, 1]),
    ],
)
def test_warm_up_is_the_longest_way_to_an_end(
    edges: tuple[tuple[int, int], ...], warm_up: list[int]
) -> None:
    graph = tuple(Edge(source, target, 0.0) for source, target in edges)
    order = fixed_order("one_f_one_b", times(3, fused=True), graph, 4)
    assert order is not None
    ahead = [[phase for phase, _ in row].index("B") for row in order]
    assert ahead == warm_up


def test_transfers_take_the_slowest_link_and_all_tensors() -> None:
    """x1 crosses from stage 0 to 1: 8 4 8 elements of two bytes; b is cut in two."""
    problem = spec(mlp(layers=2), mesh(node=2, gpu=2))
    stage = {"u0": 0, "u1": 1}
    cut = {"*": {"b": "gpu.0"}}
    slow = choose(problem, cuts=cut, shared={}, pipeline="node.0", stage=stage)
    (edge,) = evaluate(slow, problem, in_order(2, 1)).edges
    assert edge.delay == pytest.approx(1e-5 + 256 / 1e9)
    other = choose(problem, cuts={"*": {"b": "node.0"}}, pipeline="gpu.0", stage=stage)
    (edge,) = evaluate(other, problem, in_order(2, 1)).edges
    assert edge.delay == pytest.approx(1e-6 + 256 / 1e10)
    fixed = spec(mlp(layers=2), mesh(node=2, gpu=2), transfer=0.25)
    figures = evaluate(slow, fixed, in_order(2, 1))
    assert figures.edges == (Edge(0, 1, 0.25),)
    one, two = figures.stages
    assert figures.step_time == pytest.approx(
        one.per_microbatch + two.forward + two.input_grad + 2 * 0.25 + one.tail
    )


def test_tied_parameter_is_summed_between_the_stages_that_hold_it() -> None:
    net = Net({"b": 8, "d": 16})
    net.tensor("x", "b d", "input")
    net.tensor("w", "d", "parameter")
    net.op("one", ["x[b d]", "w[d]"], "y[b d]", engine="vector", unit="u0")
    net.op("two", ["y[b d]", "w[d]"], "z[b d]", engine="vector", unit="u1")
    problem = spec(net, mesh(gpu=4))
    chosen = choose(
        problem,
        cuts={"*": {"b": "gpu.1"}},
        pipeline="gpu.0",
        stage={"u1": 1},
        levels={"gpu": 1},
    )
    figures = evaluate(chosen, problem, in_order(2, 1))
    assert [(c.collective, c.axes, c.bytes) for c in figures.calls if c.operator == "w"] == [
        ("reduce_scatter", ("gpu.1",), 32.0),
        ("all_gather", ("gpu.1",), 32.0),
        ("all_reduce", ("gpu.0",), 16.0),
    ]
    tail = 32 / 2 / 1e10 * 2 + 20 * 8 / 1e11 + 2 * (1 / 2) * 16 / 1e10
    assert [time.tail for time in figures.stages] == [pytest.approx(tail)] * 2
    assert [memory.parameters for memory in figures.memory] == [32, 32]


def test_tied_parameter_is_redistributed_to_each_reader() -> None:
    """Used cut over d, one reader wants it whole: gather in F, scatter of its gradient in W."""
    net = Net({"b": 8, "d": 16})
    net.tensor("x", "b d", "input")
    net.tensor("w", "d", "parameter")
    net.op("one", ["x[b d]", "w[d]"], "y[b d]", engine="vector")
    net.op("two", ["y[b d]", "w[d]"], "z[b d]", engine="vector")
    problem = spec(net, mesh(gpu=2))
    chosen = choose(
        problem,
        cuts={"one": {"d": "gpu.0"}, "two": {"b": "gpu.0"}},
        used={"w": {"d": "gpu.0"}},
    )
    figures = evaluate(chosen, problem, in_order(1, 1))
    found = [(c.phase, c.operator, c.collective) for c in figures.calls if c.tensor == "w"]
    assert found == [("F", "two", "all_gather"), ("W", "two", "reduce_scatter")]
    whole = choose(problem, cuts={"one": {"d": "gpu.0"}, "two": {"b": "gpu.0"}})
    figures = evaluate(whole, problem, in_order(1, 1))
    found = [(c.phase, c.operator, c.collective) for c in figures.calls if c.tensor == "w"]
    assert found == [("W", "one", "all_gather"), ("step", "w", "all_reduce")]


def test_measured_backward_is_split_only_where_it_was_measured_so() -> None:
    for split, expected in ((True, (2.0, 3.0)), (False, (5.0, 0.0))):
        net = Net({})
        net.measured("m", "x", "y", (variant(1.0, 2.0, 3.0, split=split),), 1.0)
        problem = spec(net, mesh(gpu=1))
        phases = "FBW" if split else "FB"
        time = evaluate(choose(problem), problem, in_order(1, 1, phases)).stages[0]
        assert (time.input_grad, time.weight_grad) == expected
        assert time.fused is not split


def test_orders_that_wait_for_ever_are_found() -> None:
    two = times(2, fused=True)
    order = [row("F0 F1 B0 B1"), row("F0 B1 F1 B0")]
    with pytest.raises(DeadlockError):
        run(order, two, chain(2))


def test_operators_of_no_length_keep_their_place() -> None:
    instant = (StageTime(0.0, 1.0, 0.0, 0.0, False),)
    order = [row("F0 F1 B0 W0 B1 W1")]
    actions = run(order, instant, ())
    assert [(a.phase, a.microbatch) for a in by_stage(actions, 1)[0]] == order[0]
    assert actions[-1].end == 2.0
