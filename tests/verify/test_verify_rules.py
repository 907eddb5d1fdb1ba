"""Layouts, redistribution, collectives and formulas of operators, each against hand computation."""

from __future__ import annotations

import pytest

from dsl.formula import Constant, Extent
from solver.verify.collectives import Collective, seconds
from solver.verify.evaluate import evaluate
from solver.verify.figures import Call, Figures
from solver.verify.layouts import NONE, PARTIAL, Frame, as_produced, as_read, gradient_made, shard
from solver.verify.redistribution import redistribute
from tests.verify.build import Net, mesh, mlp, spec
from tests.verify.choose import choose, in_order

MESH = mesh(node=2, gpu=4)
PARTS = MESH.parts  # node.0 on the slow link, gpu.0 and gpu.1 on the fast one
FRAME = Frame(PARTS, 1)


def calls(figures: Figures, *, phase: str, operator: str | None = None) -> list[Call]:
    return [
        call for call in figures.calls if call.phase == phase and operator in (None, call.operator)
    ]


@pytest.mark.parametrize(
    ("collective", "expected"),
    [
        # inside: 3/4 of 1e6 bytes at 1e10 B/s + 2 us; outside: half of the quarter at 1e9 + 10 us
        ("all_gather", 75e-6 + 2e-6 + 125e-6 + 10e-6),
        ("reduce_scatter", 75e-6 + 2e-6 + 125e-6 + 10e-6),
        ("all_reduce", 2 * (75e-6 + 2e-6 + 125e-6 + 10e-6)),
        ("all_to_all", 75e-6 + 2e-6 + 500e-6 + 10e-6),
    ],
)
def test_collective_over_two_links(collective: Collective, expected: float) -> None:
    assert seconds(collective, 1e6, PARTS, MESH.device) == pytest.approx(expected)


def test_bucketed_collectives_pay_no_latency_and_nothing_costs_nothing() -> None:
    assert seconds("all_gather", 1e6, PARTS, MESH.device, bucketed=True) == pytest.approx(200e-6)
    assert seconds("all_reduce", 1e6, (), MESH.device) == 0


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ((NONE, NONE, NONE), (NONE, NONE, NONE), []),
        ((NONE, NONE, NONE), (0, 1, NONE), []),
        ((NONE, 0, 1), (PARTIAL, PARTIAL, 1), []),
        ((NONE, 0, NONE), (NONE, NONE, NONE), [("all_gather", "gpu.0", 1024)]),
        ((0, 0, NONE), (NONE, NONE, NONE), [("all_gather", "node.0 gpu.0", 1024)]),
        ((NONE, 0, NONE), (NONE, 1, NONE), [("all_to_all", "gpu.0", 512)]),
        ((NONE, PARTIAL, PARTIAL), (NONE, NONE, NONE), [("all_reduce", "gpu.0 gpu.1", 1024)]),
        ((0, PARTIAL, NONE), (0, 1, NONE), [("reduce_scatter", "gpu.0", 512)]),
        # widened to whole first, then reduced over the other sub-axis
        ((NONE, 0, PARTIAL), (NONE, PARTIAL, NONE), [("all_reduce", "gpu.1", 1024)]),
        # sliced by node.0 before the all-reduce over gpu.0 and the gather over gpu.1
        (
            (NONE, PARTIAL, 1),
            (0, NONE, NONE),
            [("all_reduce", "gpu.0", 256), ("all_gather", "gpu.1", 512)],
        ),
        # reduce-scatter halves what the all-to-all moves
        (
            (NONE, PARTIAL, 1),
            (NONE, 1, 0),
            [("reduce_scatter", "gpu.0", 512), ("all_to_all", "gpu.1", 256)],
        ),
    ],
)
def test_redistribution(
    before: tuple[int, ...], after: tuple[int, ...], expected: list[tuple[str, str, float]]
) -> None:
    net = Net({"s": 32, "d": 16})
    net.tensor("x", "s d", "value")  # 32 x 16 elements of two bytes
    steps = redistribute(net.tensors["x"], before, after, FRAME)
    found = [(s.collective, " ".join(p.name for p in s.parts), s.bytes) for s in steps]
    assert found == expected


def test_layouts_of_a_cut_matmul() -> None:
    net = mlp()
    down = next(operator for operator in net.operators if operator.name == "down0")
    sharding = shard(down, (("b", ("node.0",)), ("f", ("gpu.0",))), FRAME)
    hidden, weight = down.inputs
    assert dict(sharding.sizes) == {"b": 4, "s": 4, "d": 8, "f": 8}
    assert as_read(hidden, sharding) == (0, 2, NONE)
    assert as_read(weight, sharding) == (NONE, 0, NONE)
    assert as_produced(down, down.results[0], sharding) == (0, PARTIAL, NONE)
    assert gradient_made(hidden, sharding) == (0, 2, NONE)
    assert gradient_made(weight, sharding) == (PARTIAL, 0, NONE)


def test_tied_index_is_cut_where_its_drivers_are() -> None:
    """dispatch(x[b s d], gate[b s e]) -> y[e c d]: tokens of a cut batch fill a cut capacity."""
    net = Net({"b": 8, "s": 4, "d": 8, "e": 4, "c": 16})
    net.tensor("x", "b s d", "input")
    net.tensor("gate", "b s e", "input")
    ties = (("c", ("b", "s")),)
    net.op("dispatch", ["x[b s d]", "gate[b s e]"], "y[e c d]", ties=ties)
    dispatch = net.operators[0]
    sharding = shard(dispatch, (("b", ("node.0",)), ("s", ("gpu.0",))), FRAME)
    assert sharding.sizes["c"] == 4
    assert as_produced(dispatch, dispatch.results[0], sharding) == (1, 1, NONE)


def test_roofline_of_operators() -> None:
    """up: 2*8*4*8*16 = 8192 FLOP at 0.5e12/s is 16 ns, less than a launch; scaled up it counts."""
    net = Net({"b": 64, "s": 64, "d": 64, "f": 64})
    net.tensor("x", "b s d", "input")
    net.tensor("w", "d f", "parameter")
    net.op("up", ["x[b s d]", "w[d f]"], "h[b s f]")
    net.op("act", ["h[b s f]"], "a[b s f]", engine="vector")
    problem = spec(net, mesh(gpu=2))
    plain = evaluate(choose(problem), problem, in_order(1, 1))
    work = 2 * 64**4 / 0.5e12  # 67 us; its traffic is 1.06 MB, 10.6 us
    traffic = 2 * 2 * 64**3 / 1e11  # of act: 10.5 us
    assert plain.stages[0].forward == pytest.approx(work + traffic)
    assert plain.stages[0].input_grad == pytest.approx(traffic)
    assert plain.stages[0].weight_grad == pytest.approx(work)
    halved = choose(problem, cuts={"*": {"b": "gpu.0"}})
    assert evaluate(halved, problem, in_order(1, 1)).stages[0].forward == pytest.approx(
        (work + traffic) / 2
    )
    tiny = spec(mlp(), mesh(gpu=1))  # six operators, each shorter than a launch
    assert evaluate(choose(tiny), tiny, in_order(1, 1)).stages[0].forward == pytest.approx(6e-6)


def test_across_costs_one_all_reduce_each_way() -> None:
    net = Net({"b": 8, "v": 32})
    net.tensor("w", "v", "parameter")
    net.tensor("x", "b", "input")
    maxima = (("v", Extent(("b",), 8.0)),)
    net.op("loss", ["x[b]", "w[v]"], "l[b]", across=maxima, sums="", engine="vector")
    problem = spec(net, mesh(gpu=2))
    chosen = choose(problem, cuts={"loss": {"v": "gpu.0"}}, microbatches=2)
    figures = evaluate(chosen, problem, in_order(1, 2))
    # 8 bytes for each of the 4 of a micro-batch, half over the link and a microsecond, twice
    duration = 2 * (16 / 1e10 + 1e-6)
    across = [call for call in figures.calls if call.tensor is None]
    assert [(c.phase, c.collective, c.axes, c.bytes, c.count) for c in across] == [
        ("F", "all_reduce", ("gpu.0",), 32.0, 2),
        ("B", "all_reduce", ("gpu.0",), 32.0, 2),
    ]
    assert [c.seconds for c in across] == [pytest.approx(duration)] * 2
    assert figures.stages[0].forward == pytest.approx(1e-6 + duration)
    assert figures.stages[0].input_grad == pytest.approx(duration)


def test_work_of_nothing_takes_no_time_not_even_a_launch() -> None:
    net = Net({"b": 8})
    net.tensor("x", "b", "input")
    net.op("view", ["x[b]"], "y[b]", engine="vector")
    operator = net.operators[0]
    net.operators[0] = type(operator)(
        **{
            **{name: getattr(operator, name) for name in operator.__slots__},
            "forward_traffic": Constant(0.0),
        }
    )
    problem = spec(net, mesh(gpu=1))
    assert evaluate(choose(problem), problem, in_order(1, 1)).stages[0].forward == 0


def test_megatron_layer_has_two_all_reduces_each_way() -> None:
    """Two blocks per layer (attention is one more block to the rule), f cut four ways."""
    problem = spec(mlp(blocks=2), mesh(gpu=4))
    chosen = choose(problem, cuts={"*": {"f": "gpu.0 gpu.1"}}, microbatches=2)
    figures = evaluate(chosen, problem, in_order(1, 2))
    size = 4 * 4 * 8 * 2  # b/m, s, d, two bytes
    forward, backward = (calls(figures, phase=phase) for phase in "FB")
    assert [(c.operator, c.tensor, c.collective, c.bytes, c.count) for c in forward] == [
        ("add0", "y0", "all_reduce", size, 2),
        ("add1", "y1", "all_reduce", size, 2),
    ]
    assert [(c.operator, c.tensor, c.collective, c.bytes, c.count) for c in backward] == [
        ("up0", "n0", "all_reduce", size, 2),
        ("up1", "n1", "all_reduce", size, 2),
    ]
    duration = 2 * (size * 0.75 / 1e10 + 2e-6)
    assert forward[0].seconds == pytest.approx(duration)
    assert not calls(figures, phase="W")
    assert not calls(figures, phase="step")


def test_sequence_parallel_turns_them_into_gathers_and_scatters() -> None:
    """s is cut outside the matmuls: all-gather before up, reduce-scatter after down, and back."""
    problem = spec(mlp(), mesh(gpu=2))
    outside = {"s": "gpu.0"}
    cuts = {"embed": outside, "norm0": outside, "add0": outside, "*": {"f": "gpu.0"}}
    chosen = choose(problem, cuts=cuts, shared={"x0": {"s": "gpu.0"}})
    figures = evaluate(chosen, problem, in_order(1, 1))
    found = [(c.phase, c.operator, c.tensor, c.collective) for c in figures.calls]
    assert found == [
        ("F", "up0", "n0", "all_gather"),
        ("B", "up0", "n0", "reduce_scatter"),
        ("F", "add0", "y0", "reduce_scatter"),
        ("B", "add0", "y0", "all_gather"),
        ("step", "table", "table", "all_reduce"),
        ("step", "scale0", "scale0", "all_reduce"),
    ]


def test_gradients_of_two_readers_are_reduced_once_where_partial() -> None:
    """gate and up read n and cut f: with n partial one all-reduce brings both gradients back."""
    net = Net({"b": 8, "d": 8, "f": 16})
    net.tensor("x", "b d", "input")
    for name in ("w", "g", "u"):
        net.tensor(name, "d f", "parameter")
    net.tensor("scale", "d", "parameter")
    net.op("norm", ["x[b d]", "scale[d]"], "n[b d]", whole="d", engine="vector")
    net.op("gate", ["n[b d]", "g[d f]"], "p[b f]")
    net.op("up", ["n[b d]", "u[d f]"], "q[b f]")
    problem = spec(net, mesh(gpu=2))
    cuts = {"*": {"f": "gpu.0"}}
    whole = evaluate(choose(problem, cuts=cuts), problem, in_order(1, 1))
    assert [c.operator for c in calls(whole, phase="B")] == ["gate", "up"]
    kept = choose(problem, cuts=cuts, shared={"n": {"partial": "gpu.0"}})
    partial = evaluate(kept, problem, in_order(1, 1))
    assert [(c.operator, c.collective, c.bytes) for c in calls(partial, phase="B")] == [
        ("gate", "all_reduce", 8 * 8 * 2)
    ]
    assert not calls(partial, phase="F")


def test_model_inputs_arrive_free_but_shared_ones_are_moved() -> None:
    net = Net({"b": 8, "s": 4})
    net.tensor("x", "b s", "input")
    net.op("one", ["x[b s]"], "y[b s]")
    net.op("two", ["x[b s]"], "z[b s]")
    problem = spec(net, mesh(gpu=2))
    chosen = choose(problem, cuts={"one": {"b": "gpu.0"}, "two": {"s": "gpu.0"}})
    free = evaluate(chosen, problem, in_order(1, 1))
    assert not free.calls  # both slice the whole input
    chosen = choose(
        problem,
        cuts={"one": {"b": "gpu.0"}, "two": {"s": "gpu.0"}},
        shared={"x": {"b": "gpu.0"}},
    )
    moved = evaluate(chosen, problem, in_order(1, 1))
    assert [(c.operator, c.collective, c.bytes) for c in moved.calls] == [
        ("two", "all_to_all", 8 * 4 * 2 / 2)
    ]
