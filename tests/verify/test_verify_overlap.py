"""Scheduled overlap by hand: what of the collectives of parameters compute hides, and when.

The machine is that of `build`: a matrix product takes its FLOPs at half of 1e12 FLOP/s.
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from dsl.spec import Device, Spec
from solver.verify.evaluate import evaluate
from solver.verify.figures import Figures, StepWork
from solver.verify.step_work import UnitStep, scheduled_work, shared_work
from tests.verify.build import DEVICE, Net, mesh, spec
from tests.verify.choose import choose, in_order, row

SMALL = 2 * 1024 * 0.75 / 1e10
"""Seconds to gather or scatter 1,024 parameters of two bytes over four devices of a node."""


def chain(layers: int, size: int = 32, batch: int = 32) -> Net:
    """x w0 w1 ...: square weights, one to a unit."""
    net = Net({"b": batch, "d": size, "f": size})
    net.tensor("x0", "b d", "input")
    for at in range(layers):
        read, made = ("d", "f") if at % 2 == 0 else ("f", "d")
        net.tensor(f"w{at}", f"{read} {made}", "parameter")
        net.op(
            f"p{at}", [f"x{at}[b {read}]", f"w{at}[{read} {made}]"], f"x{at + 1}[b {made}]",
            unit=f"u{at}",
        )  # fmt: skip
    return net


def slow(seconds: float, flops: float) -> Device:
    """A device that takes so long for a product of so many FLOPs."""
    return replace(DEVICE, flops={"bf16": flops / seconds / 0.5})


def data_parallel(net: Net, level: int, device: Device, layers: int, m: int = 2) -> Figures:
    where = replace(mesh(gpu=4), kinds=(device,))
    problem = spec(net, where, overlap="scheduled")
    chosen = choose(
        problem, cuts={"*": {"b": "gpu.0 gpu.1"}}, levels={"gpu": level}, microbatches=m
    )
    return evaluate(chosen, problem, in_order(1, m, "FB"))


FLOPS = 2 * 4 * 32 * 32
"""Of one product: a device has 4 of 32 rows in each of two micro-batches."""


@pytest.mark.parametrize("size", [32, 64, 128])
def test_collectives_of_a_micro_batch_hide_behind_their_reader(size: int) -> None:
    """ZeRO-3: a gather in F and B, a scatter in W; each beside 1 us of arithmetic of that phase
    alone. They take 0.15, 0.61 and 2.5 us. The first layer has no gradient of its input, so the
    gather in its B has nothing beside it."""
    each = 2 * size * size * 0.75 / 1e10
    figures = data_parallel(chain(3, size), 3, slow(1e-6, 2 * 4 * size * size), 3)
    left = max(0.0, each - 1e-6)
    exposed = {(c.operator, c.phase): c.exposed for c in figures.calls}
    assert exposed.pop(("w0", "B")) == pytest.approx(each)
    assert list(exposed.values()) == [pytest.approx(left)] * 8
    (stage,) = figures.stages
    assert stage.forward == pytest.approx(3 * (1e-6 + left))
    assert stage.input_grad == pytest.approx(3 * (1e-6 + left) + 2 * (1e-6 + left) + each)
    assert stage.tail == pytest.approx(3 * 20 * size * size / 4 / 1e11)


def test_one_parameter_of_two_has_its_part_of_the_arithmetic() -> None:
    """A bias of 32 beside a weight of 1,024: 1/33 of F is its cover, and its own gradient in W."""
    net = Net({"b": 32, "d": 32, "f": 32})
    net.tensor("x", "b d", "input")
    net.tensor("w", "d f", "parameter")
    net.tensor("bias", "f", "parameter")
    net.op("p", ["x[b d]", "w[d f]", "bias[f]"], "y[b f]")
    figures = data_parallel(net, 3, slow(1e-6, FLOPS), 1)
    exposed = {(c.operator, c.phase): c.exposed for c in figures.calls if c.phase in "FW"}
    assert exposed["w", "F"] == pytest.approx(max(0.0, SMALL - 1e-6 * 32 / 33))
    assert exposed["bias", "F"] == pytest.approx(max(0.0, SMALL / 32 - 1e-6 / 33))
    assert exposed["bias", "W"] == 0.0


def test_a_parameter_with_two_readers_hides_nothing() -> None:
    net = Net({"b": 32, "d": 32, "f": 32})
    net.tensor("x", "b d", "input")
    net.tensor("w", "d f", "parameter")
    net.op("up", ["x[b d]", "w[d f]"], "h[b f]", unit="u0")
    net.op("down", ["h[b f]", "w[d f]"], "y[b d]", sums="f", unit="u1")
    figures = data_parallel(net, 2, slow(1.0, FLOPS), 2)
    (work,) = figures.step_work
    assert (work.reduce, work.gather) == ((0.0,), (0.0,))
    assert [c.exposed for c in figures.calls if c.phase == "W"] == [pytest.approx(SMALL)]
    assert figures.stages[0].tail == pytest.approx(SMALL + 20 * 1024 / 4 / 1e11)


@pytest.mark.parametrize("seconds", [1e-6, 1.0])
def test_the_last_bucket_of_a_step_has_nothing_to_hide_behind(seconds: float) -> None:
    """ZeRO-1, three layers: reduce-scatter and gather of 0.15 us each, less than a product takes:
    the reduction of the first layer and the gather for it are left."""
    figures = data_parallel(chain(3), 1, slow(seconds, FLOPS), 3)
    (work,) = figures.step_work
    assert work.reduce == (pytest.approx(3 * SMALL),)
    assert (work.wait, work.rest) == (pytest.approx(SMALL), pytest.approx(SMALL))
    assert figures.stages[0].tail == pytest.approx(2 * SMALL + 3 * 20 * 1024 / 4 / 1e11)


def test_without_compute_nothing_is_hidden() -> None:
    units = [UnitStep(0.0, 0.0, 2.0, 1.0), UnitStep(0.0, 0.0, 3.0, 5.0)]
    assert scheduled_work([units], 0.5) == StepWork((5.0,), 0.5, (6.0,), 5.0, 6.0)
    assert shared_work([units], 0.5) == StepWork((5.0,), 0.5, (6.0,), 5.0, 6.0)


def test_the_stream_is_played_unit_by_unit() -> None:
    """The backward runs from the last unit to the first: reductions are ready at 4, 5 and 7 s and
    take 3, 3 and 1 s, so the stream ends at 7, 10 and 11 s: 4 s late. Gathers take 1, 5 and 2 s;
    the units are reached after 0, 2 and 3 s, so the second must be 4 s ahead, the third 5 s."""
    units = [UnitStep(2.0, 2.0, 1.0, 1.0), UnitStep(1.0, 1.0, 3.0, 5.0)]
    units.append(UnitStep(9.0, 4.0, 3.0, 2.0))
    work = scheduled_work([units], 0.0)
    assert (work.wait, work.rest) == (4.0, 5.0)
    assert work.tail == 9.0


def test_of_several_chunks_any_may_be_last() -> None:
    """Behind the last backward of the first chunk (2 s) the other's 5 s and its own 1 s: 4 s are
    left; behind that of the second (4 s) 1 s and then, ready at 4 s, its own 5 s: 5 s are left."""
    first, second = [UnitStep(1.0, 2.0, 1.0, 1.0)], [UnitStep(3.0, 4.0, 5.0, 2.0)]
    work = scheduled_work([first, second], 0.0)
    assert work.reduce == (1.0, 5.0)
    assert work.wait == 5.0
    assert work.rest == 2.0  # 3 s of gathers, 1 s of forward; or 2 s before the second chunk


def two_stages() -> tuple[Spec, Figures]:
    """Two stages of a layer each, ZeRO-1 over two devices, two micro-batches."""
    problem = spec(chain(2), mesh(gpu=4), overlap="scheduled")
    chosen = choose(
        problem,
        cuts={"*": {"b": "gpu.1"}},
        levels={"gpu": 1},
        pipeline="gpu.0",
        stage={"u1": 1},
        microbatches=2,
    )
    order = [row("F0 F1 B0 W0 B1 W1"), row("F0 B0 W0 F1 B1 W1")]
    return problem, evaluate(chosen, problem, order)


def test_when_work_once_per_step_runs() -> None:
    """Each stage reduces after its last W, updates, and gathers beside the next step's forward: of
    one unit nothing is hidden."""
    _, figures = two_stages()
    each = 2 * 1024 * 0.5 / 1e10
    update = 20 * 1024 / 2 / 1e11
    for stage in (0, 1):
        end = max(a.end for a in figures.schedule if a.stage == stage)
        reduce, updated, gather = (a for a in figures.step_actions if a.stage == stage)
        assert (reduce.phase, reduce.stream, reduce.turn) == ("reduce", "communication", 0)
        assert (reduce.start, reduce.end) == (pytest.approx(end), pytest.approx(end + each))
        assert (updated.phase, updated.stream, updated.turn) == ("update", "compute", None)
        assert updated.end == pytest.approx(end + each + update)
        assert (gather.phase, gather.stream) == ("gather", "communication")
        assert gather.end == pytest.approx(updated.end + each)
    assert figures.step_time == pytest.approx(
        max(a.end for a in figures.schedule) + 2 * each + update
    )
