"""Bytes per device: ZeRO's table, Korthikanti's activations, recompute, buffers, limits."""

from __future__ import annotations

import pytest

from dsl.spec import Limit
from solver.verify.evaluate import evaluate
from tests.verify.build import SPAN, Net, mesh, mlp, spec, variant
from tests.verify.choose import choose, in_order, row

PSI = 1024
"""Parameters of the one weight of `weight()`."""


def weight() -> Net:
    """y = x w with a 32 x 32 weight."""
    net = Net({"b": 32, "d": 32, "f": 32})
    net.tensor("x", "b d", "input")
    net.tensor("w", "d f", "parameter")
    net.op("up", ["x[b d]", "w[d f]"], "y[b f]")
    return net


@pytest.mark.parametrize(
    ("level", "expected"),
    [
        # Rajbhandari et al. 2020, figure 1 (K = 12, N = 4): 16, 4 + 12/N, 2 + 14/N, 16/N
        (0, (2, 2, 12)),
        (1, (2, 2, 3)),
        (2, (2, 0.5, 3)),
        (3, (0.5, 0.5, 3)),
    ],
)
def test_zero_levels_in_bytes_per_parameter(
    level: int, expected: tuple[float, float, float]
) -> None:
    problem = spec(weight(), mesh(gpu=4))
    data_parallel = {"*": {"b": "gpu.0 gpu.1"}}
    chosen = choose(problem, cuts=data_parallel, levels={"gpu": level})
    memory = evaluate(chosen, problem, in_order(1, 1)).memory[0]
    found = (memory.parameters, memory.gradients, memory.optimizer)
    assert found == tuple(PSI * each for each in expected)


@pytest.mark.parametrize(
    ("level", "expected"),
    [
        (0, [("step", "all_reduce", 2048, 1)]),
        (1, [("step", "reduce_scatter", 2048, 1), ("step", "all_gather", 2048, 1)]),
        (2, [("W", "reduce_scatter", 2048, 8), ("step", "all_gather", 2048, 1)]),
        (
            3,
            [
                ("F", "all_gather", 2048, 8),
                ("B", "all_gather", 2048, 8),
                ("W", "reduce_scatter", 2048, 8),
            ],
        ),
    ],
)
def test_zero_levels_in_collectives(level: int, expected: list[tuple[str, str, int, int]]) -> None:
    """Two bytes per parameter and gradient; bucketed: 3/4 of 2048 bytes at 1e10 B/s, no latency."""
    problem = spec(weight(), mesh(gpu=4), overlap=0.5)
    chosen = choose(
        problem, cuts={"*": {"b": "gpu.0 gpu.1"}}, levels={"gpu": level}, microbatches=8
    )
    figures = evaluate(chosen, problem, in_order(1, 8))
    assert [(c.phase, c.collective, c.bytes, c.count) for c in figures.calls] == expected
    once = 2048 * 0.75 / 1e10
    each = 2 * once if level == 0 else once
    assert [c.seconds for c in figures.calls] == [pytest.approx(each)] * len(expected)
    per_step = sum(c.seconds for c in figures.calls if c.phase == "step")
    update = 20.0 * PSI / (4 if level else 1) / 1e11
    assert figures.stages[0].tail == pytest.approx(0.5 * per_step + update)
    forward = 1e-6 + (0.5 * once if level == 3 else 0.0)
    assert figures.stages[0].forward == pytest.approx(forward)


def test_level_three_on_one_axis_gathers_on_that_axis_only() -> None:
    problem = spec(weight(), mesh(node=2, gpu=2))
    chosen = choose(problem, cuts={"*": {"b": "node.0 gpu.0"}}, levels={"node": 1, "gpu": 3})
    figures = evaluate(chosen, problem, in_order(1, 1))
    assert [(c.phase, c.collective, c.axes, c.bytes) for c in figures.calls] == [
        ("F", "all_gather", ("gpu.0",), 2048),
        ("B", "all_gather", ("gpu.0",), 2048),
        ("W", "reduce_scatter", ("gpu.0",), 2048),
        ("step", "reduce_scatter", ("node.0",), 1024),
        ("step", "all_gather", ("node.0",), 1024),
    ]
    memory = figures.memory[0]
    assert (memory.parameters, memory.gradients, memory.optimizer) == (1024, 1024, 3072)


def test_uneven_pieces_are_rounded_up() -> None:
    net = Net({"b": 8, "d": 7})
    net.tensor("x", "b d", "input")
    net.tensor("scale", "d", "parameter")
    net.op("norm", ["x[b d]", "scale[d]"], "y[b d]", whole="d", engine="vector")
    problem = spec(net, mesh(gpu=4))
    chosen = choose(problem, cuts={"*": {"b": "gpu.0 gpu.1"}}, levels={"gpu": 3})
    memory = evaluate(chosen, problem, in_order(1, 1)).memory[0]
    assert (memory.parameters, memory.gradients, memory.optimizer) == (4, 4, 24)


@pytest.mark.parametrize(("cut", "tensor_parallel"), [("", 1), ("gpu.0 gpu.1", 4)])
def test_activations_of_a_block(cut: str, tensor_parallel: int) -> None:
    """Korthikanti et al. 2022, section 4.1, without dropout, at f = 2d: norm input 2, up's input 2,
    act's input 4, down's input 4 bytes per s b h; tensor parallelism cuts the last two."""
    problem = spec(mlp(), mesh(gpu=4))
    chosen = choose(problem, cuts={"*": {"f": cut}})
    memory = evaluate(chosen, problem, in_order(1, 1)).memory[0]
    assert memory.activations == 8 * 4 * 8 * (2 + 2 + 8 / tensor_parallel)


def test_microbatches_share_what_is_in_flight() -> None:
    """All forwards first: everything is in flight. One at a time: one eighth is."""
    problem = spec(mlp(), mesh(gpu=1))
    chosen = choose(problem, microbatches=8)
    gpipe = evaluate(chosen, problem, in_order(1, 8)).memory[0].activations
    alternate = [row(" ".join(f"F{j} B{j} W{j}" for j in range(8)))]
    assert gpipe == 8 * 4 * 8 * 12
    assert evaluate(chosen, problem, alternate).memory[0].activations == gpipe / 8


def test_weight_gradients_keep_what_they_need() -> None:
    """F B F W W: after B, up's and down's inputs stay (2 + 4 per s b h), the rest is free."""
    problem = spec(mlp(), mesh(gpu=1))
    chosen = choose(problem, microbatches=2)
    order = [row("F0 B0 F1 B1 W0 W1")]
    found = evaluate(chosen, problem, order).memory[0].activations
    late = 2 + 2 + 4  # the norm's input too: it has a scale
    assert found == 4 * 4 * 8 * (12 + late)


def test_recompute_keeps_inputs_and_runs_the_forward_again() -> None:
    problem = spec(mlp(layers=2), mesh(gpu=2))
    cuts = {"*": {"f": "gpu.0"}}
    kept = evaluate(choose(problem, cuts=cuts), problem, in_order(1, 1))
    again = evaluate(choose(problem, cuts=cuts, recompute="u1"), problem, in_order(1, 1, "FB"))
    hidden = 8 * 4 * 8 * 2
    per_layer = hidden * (1 + 1 + 4 / 2)
    assert kept.memory[0].activations == 2 * per_layer
    assert again.memory[0].activations == per_layer + hidden  # x1 stays, in its shared layout
    assert again.memory[0].buffers == kept.memory[0].buffers + per_layer
    assert kept.stages[0].fused is False
    assert again.stages[0].fused is True
    reduce = next(c for c in again.calls if c.operator == "add1" and c.phase == "B")
    assert (reduce.tensor, reduce.collective) == ("y1", "all_reduce")
    forward_of_layer = 5e-6 + reduce.seconds
    backward = kept.stages[0].input_grad + kept.stages[0].weight_grad
    assert again.stages[0].input_grad == pytest.approx(backward + forward_of_layer)
    assert again.stages[0].weight_grad == 0


def test_result_saved_by_producer_is_not_saved_again_unless_cut_otherwise() -> None:
    """act saves its result, down reads it; down reads the whole of it only when f is not cut."""
    net = Net({"b": 8, "s": 4, "f": 16, "d": 8})
    net.tensor("h", "b s f", "input")
    net.tensor("v", "f d", "parameter")
    net.op("act", ["h[b s f]"], "a[b s f]", saves="a", engine="vector", saved_extra=5.0)
    net.op("down", ["a[b s f]", "v[f d]"], "y[b s d]", sums="f", saves="a")
    problem = spec(net, mesh(gpu=2))
    size = 8 * 4 * 16 * 2
    alike = choose(problem, cuts={"*": {"f": "gpu.0"}})
    assert evaluate(alike, problem, in_order(1, 1)).memory[0].activations == size / 2 + 5
    otherwise = choose(problem, cuts={"act": {"f": "gpu.0"}})
    assert evaluate(otherwise, problem, in_order(1, 1)).memory[0].activations == size * 1.5 + 5


def test_buffers_hold_the_largest_operator_and_two_gathered_units() -> None:
    problem = spec(mlp(layers=2), mesh(gpu=4))
    chosen = choose(problem, cuts={"*": {"b": "gpu.0 gpu.1"}}, levels={"gpu": 3})
    buffers = evaluate(chosen, problem, in_order(1, 1)).memory[0].buffers
    act = (2 + 1) * 2 * 4 * 16 * 2  # reads h, makes a: b/4 s f
    first_unit = 2 * (32 * 8 + 8 + 8 * 16 * 2)  # table, scale, w, v
    assert buffers == act + 2 * first_unit


def test_measured_operator_brings_its_own_bytes() -> None:
    net = Net({})
    own = variant(
        1.0, 2.0, 3.0, static_bytes=100.0, saved_bytes=10.0, released_by_input_grad=4.0,
        workspace_bytes=7.0, recompute_forward=0.5, recompute_saved_bytes=3.0,
    )  # fmt: skip
    net.measured("a", "x", "y", (own,), 16.0)
    problem = spec(net, mesh(gpu=1))
    plain = evaluate(choose(problem, microbatches=2), problem, in_order(1, 2))
    assert plain.memory[0].terms() == {
        "parameters": 100.0, "gradients": 0, "optimizer": 0,
        "activations": 20.0, "buffers": 7.0, "reserve": 0.0,
    }  # fmt: skip
    early = [row("F0 B0 F1 B1 W0 W1")]
    found = evaluate(choose(problem, microbatches=2), problem, early)
    assert found.memory[0].activations == 16.0
    again = choose(problem, microbatches=2, recompute="a")
    figures = evaluate(again, problem, in_order(1, 2, "FB"))
    assert figures.memory[0].activations == 6.0
    assert figures.memory[0].buffers == 7.0  # no room beside its workspace
    assert figures.stages[0].input_grad == 5.5


def test_the_tightest_limit_counts_and_its_reserve_is_a_term() -> None:
    limits = tuple(
        Limit(f"limit {at}", "memory", value, reserve, SPAN)
        for at, (value, reserve) in enumerate([(9000.0, 0.0), (8000.0, 500.0), (7500.0, 0.0)])
    )
    problem = spec(mlp(), mesh(gpu=1), limits=limits)
    memory = evaluate(choose(problem), problem, in_order(1, 1)).memory[0]
    assert (memory.limit, memory.reserve) == (8000.0, 500.0)
    assert memory.peak == sum(memory.terms().values())
