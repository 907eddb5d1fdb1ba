"""Meshes of several kinds of devices: every stage is priced on its own."""

from __future__ import annotations

from dataclasses import replace

import pytest

from dsl.spec import Axis, Device, Limit, Link, Mesh, Run, Spec, SubAxis
from solver.verify.check import verify
from solver.verify.decisions import Decisions
from solver.verify.evaluate import IllegalDecisionsError, evaluate
from solver.verify.figures import Figures
from solver.verify.kinds import kinds_of_stages
from tests.verify.build import DEVICE, FAST, SLOW, SPAN, Net, mlp, spec
from tests.verify.choose import choose, in_order
from tests.verify.document import write

WORSE = Link("worse", None, 5e8, 2e-5)
OLD = Device("old", {"bf16": 3e11}, 5e8, 2e10, 4e-6, (FAST, WORSE), SPAN)
KINDS = (DEVICE, OLD)


def mixed(*runs: tuple[int, int], gpus: int = 2) -> Mesh:
    """Nodes of `gpus` devices; a run is (kind, number of nodes)."""
    nodes = sum(count for _, count in runs)
    sizes = [2, 3] if nodes == 6 else [2] * (nodes.bit_length() - 1)
    slow = tuple(
        SubAxis(f"node.{at}", "node", size, (SLOW, WORSE)) for at, size in enumerate(sizes)
    )
    fast = (SubAxis("gpu.0", "gpu", gpus, (FAST, replace(FAST, bandwidth=2e9))),)
    axes = (Axis("node", nodes, slow), Axis("gpu", gpus, fast))
    return Mesh("pod", KINDS, axes, SPAN, tuple(Run(*run) for run in runs))


def two_stages(where: Mesh, **more: object) -> tuple[Spec, Decisions]:
    """A layer on each node; the batch is cut over its devices, storage is ZeRO-2."""
    problem = spec(mlp(layers=2), where, **more)  # type: ignore[arg-type]
    chosen = choose(
        problem,
        cuts={"*": {"b": "gpu.0"}},
        shared={name: {"b": "gpu.0"} for name in ("x0", "x1", "x2")},
        levels={"gpu": 2},
        stage={"u1": 1},
        pipeline="node.0",
        microbatches=2,
    )
    return problem, chosen


def priced(problem: Spec, chosen: Decisions) -> Figures:
    return evaluate(chosen, problem, in_order(2, 2))


@pytest.mark.parametrize(
    ("runs", "pipeline", "kinds"),
    [
        (((0, 1), (1, 1)), "node.0", [{0}, {1}]),
        (((1, 1), (0, 1)), "node.0", [{1}, {0}]),
        (((0, 1), (1, 1)), "gpu.0", [{0, 1}, {0, 1}]),
        (((0, 1), (1, 1)), "node.0 gpu.0", [{0}, {0}, {1}, {1}]),
        (((0, 2), (1, 2)), "node.0", [{0}, {1}]),
        (((0, 2), (1, 2)), "node.1", [{0, 1}, {0, 1}]),
        (((0, 1), (1, 1), (0, 1), (1, 1)), "node.1", [{0}, {1}]),
        (((0, 2), (1, 4)), "node.0", [{0, 1}, {1}]),
        (((0, 3), (1, 3)), "node.0", [{0}, {1}]),
        (((0, 2), (1, 4)), "node.0 node.1", [{0}, {0}, {1}, {1}, {1}, {1}]),
        (((0, 1), (1, 1)), "", [{0, 1}]),
    ],
)
def test_stages_are_numbered_by_their_coordinates(
    runs: tuple[tuple[int, int], ...], pipeline: str, kinds: list[set[int]]
) -> None:
    where = mixed(*runs)
    parts = [part for part in where.parts if part.name in pipeline.split()]
    assert [set(found) for found in kinds_of_stages(where, parts)] == kinds


def test_a_stage_of_two_kinds_is_no_plan() -> None:
    problem, chosen = two_stages(mixed((0, 1), (1, 1)))
    document = write(chosen, problem, in_order(2, 2))
    assert verify(document, problem).ok
    other, _ = two_stages(mixed((0, 2), (1, 2)))
    with pytest.raises(IllegalDecisionsError, match="stage 0 has devices of several kinds: toy, o"):
        evaluate(replace(chosen, pipeline=("node.1",)), other, in_order(2, 2))
    document["pipeline"]["axes"] = ["gpu.0"]
    assert "stage-devices" in verify(document, problem).codes


@pytest.mark.parametrize("first", [0, 1])
def test_every_stage_is_that_of_a_mesh_of_its_devices(first: int) -> None:
    where = mixed((first, 1), (1 - first, 1))
    both = priced(*two_stages(where))
    for stage, kind in enumerate((first, 1 - first)):
        alone = priced(*two_stages(where.seen_by(kind)))
        assert both.stages[stage] == alone.stages[stage]
        assert both.memory[stage] == alone.memory[stage]
        mine = {"u0": "0", "u1": "1"}[f"u{stage}"]
        calls = [call for call in both.calls if call.operator.endswith(mine)]
        assert [call for call in alone.calls if call.operator.endswith(mine)] == calls
        assert calls


def test_transfers_take_the_slower_link_of_both_stages() -> None:
    for first in (0, 1):
        (edge,) = priced(*two_stages(mixed((first, 1), (1 - first, 1)))).edges
        sent = 2 * 4 * 8 * 2.0  # x1, a batch of 8 in 2 micro-batches on 2 devices
        assert edge.delay == pytest.approx(WORSE.latency + sent / WORSE.bandwidth)


def test_gradients_of_stages_that_share_a_parameter_take_the_slower_link() -> None:
    net = Net({"b": 8, "d": 8})
    net.tensor("x", "b d", "input")
    net.tensor("w", "d d", "parameter")
    net.op("up", ["x[b d]", "w[d d]"], "h[b d]", whole="d")
    net.op("down", ["h[b d]", "w[d d]"], "y[b d]", whole="d", unit="u1")
    where = mixed((0, 1), (1, 1))
    problem = spec(net, where)
    chosen = choose(problem, stage={"u1": 1}, pipeline="node.0")
    figures = evaluate(chosen, problem, in_order(2, 1))
    (call,) = (call for call in figures.calls if call.axes == ("node.0",))
    assert call.seconds == pytest.approx(2 * (1 / 2) * 64 * 2.0 / WORSE.bandwidth)


def test_a_limit_holds_everywhere_and_small_devices_have_their_own() -> None:
    limits = (Limit("limit", "memory", 6e8, 1e3, SPAN),)
    problem, chosen = two_stages(mixed((0, 1), (1, 1)), limits=limits)
    rows = priced(problem, chosen).memory
    assert [row.limit for row in rows] == [6e8, 5e8]
    assert [row.reserve for row in rows] == [1e3, 1e3]
    alone = priced(*two_stages(mixed((0, 1), (1, 1))))
    assert [row.limit for row in alone.memory] == [1e9, 5e8]
    tiny = replace(problem.mesh, kinds=(DEVICE, replace(OLD, memory_bytes=100.0)))
    document = write(chosen, replace(problem, mesh=tiny), in_order(2, 2))
    assert verify(document, replace(problem, mesh=tiny)).codes == ("memory-limit",)
