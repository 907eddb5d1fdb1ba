"""Complete plans of every sort, each a spec and a correct document, for tests that change them."""

from __future__ import annotations

import copy
from dataclasses import replace
from functools import cache

from dsl.spec import (
    CutOver,
    Limit,
    OnStage,
    Pipeline,
    Recomputed,
    Spec,
    SplitBy,
    StoredOver,
    WholeIndex,
)
from tests.verify.build import SPAN, Net, mesh, mlp, pin, spec, variant
from tests.verify.choose import choose, row
from tests.verify.document import Json, write

ALTERNATE = ["F0 F1 B0 F2 B1 F3 B2 B3", "F0 B0 F1 B1 F2 B2 F3 B3"]


def _tensor_parallel() -> tuple[Spec, Json]:
    """One stage, 2 x 2 x 2 devices, data, tensor and sequence cuts, ZeRO-3 inside ZeRO-1."""
    pins = (
        pin(CutOver("up0", "f", ("gpu.1",)), SplitBy("down0", (("f", 2),))),
        pin(OnStage("u0", 0, 0), kind="soft", weight=0.5),
        pin(Recomputed("u0", True), kind="soft", weight=0.002),
        pin(
            StoredOver("w0", "optimizer", ("node.0",)),
            WholeIndex("up0", "b"),
            kind="forbid",
            weight=0.25,
        ),
    )
    limits = (
        Limit("limit memory <= 1 MB", "memory", 1e6, 1000.0, SPAN),
        Limit("limit step_time <= 1 s", "step_time", 1.0, 0.0, SPAN),
        Limit("soft memory", "memory", 3000.0, 500.0, SPAN, 1e-7),
        Limit("roomy memory", "memory", 1e6, 0.0, SPAN, 1e-7),
    )
    problem = spec(mlp(), mesh(node=2, gpu=4), pins=pins, limits=limits, overlap=0.5)
    chosen = choose(
        problem,
        cuts={
            "*": {"b": "node.0 gpu.0", "f": "gpu.1"},
            **{name: {"b": "node.0 gpu.0", "s": "gpu.1"} for name in ("embed", "norm0", "add0")},
        },
        shared={"x0": {"b": "node.0 gpu.0", "s": "gpu.1"}},
        levels={"node": 1, "gpu": 3},
        microbatches=2,
    )
    return problem, write(chosen, problem, [row("F0 B0 W0 F1 B1 W1")])


def _one_f_one_b() -> tuple[Spec, Json]:
    """Two stages of two recomputed layers over the slow link."""
    wish = Pipeline(2, 2, "one_f_one_b", ("node.0",), SPAN)
    problem = spec(mlp(layers=2), mesh(node=2, gpu=2), pipeline=wish, microbatches=(4, 8))
    chosen = choose(
        problem,
        cuts={"*": {"f": "gpu.0"}},
        shared={"x0": {"partial": "gpu.0"}},
        pipeline="node.0",
        stage={"u1": 1},
        recompute="u0 u1",
        microbatches=4,
        family="one_f_one_b",
    )
    return problem, write(chosen, problem, [row(text) for text in ALTERNATE])


def _free_order() -> tuple[Spec, Json]:
    """Two stages with split backward, least memory wanted."""
    limits = (
        Limit("soft step", "step_time", 1e-5, 0.0, SPAN, 2e6),
        Limit("soft memory", "memory", 2000.0, 0.0, SPAN, 0.5),
        Limit("long step", "step_time", 1.0, 0.0, SPAN, 2e6),
    )
    problem = spec(mlp(layers=2), mesh(gpu=4), objective="memory", limits=limits)
    chosen = choose(
        problem,
        cuts={"*": {"b": "gpu.1"}},
        levels={"gpu": 2},
        pipeline="gpu.0",
        stage={"u1": 1},
        microbatches=2,
    )
    order = [row("F0 F1 B0 B1 W0 W1"), row("F0 B0 F1 W0 B1 W1")]
    return problem, write(chosen, problem, order)


def _measured() -> tuple[Spec, Json]:
    """Four measured chunks on two stages, nothing but times and bytes."""
    net = Net({})
    own = variant(
        0.5, 0.75, 0.25, static_bytes=64.0, saved_bytes=8.0, released_by_input_grad=3.0,
        workspace_bytes=2.0,
    )  # fmt: skip
    for at in range(4):
        net.measured(f"m{at}", f"t{at}", f"t{at + 1}", (own,), 16.0)
    problem = spec(net, mesh(gpu=2), transfer=0.125)
    stage = {"m0": 0, "m1": 0, "m2": 1, "m3": 1}
    chosen = choose(problem, pipeline="gpu.0", stage=stage, microbatches=2)
    order = [row("F0 F1 B0 W0 B1 W1"), row("F0 B0 F1 B1 W0 W1")]
    return problem, write(chosen, problem, order)


def _scheduled() -> tuple[Spec, Json]:
    """Two stages, ZeRO-3 and ZeRO-1, collectives of parameters beside compute."""
    problem = spec(mlp(blocks=1, layers=4), mesh(node=2, gpu=4), overlap="scheduled")
    chosen = choose(
        problem,
        cuts={"*": {"b": "gpu.0 gpu.1"}},
        levels={"gpu": 3},
        pipeline="node.0",
        stage={"u2": 1, "u3": 1},
        recompute="u1",
        microbatches=2,
    )
    parameters = dict(chosen.parameters)
    for name in ("w0", "w2", "scale1", "v3"):
        parameters[name] = replace(parameters[name], levels=(("gpu", 1),))
    chosen = replace(chosen, parameters=parameters)
    order = [row("F0 F1 B0 B1"), row("F0 B0 F1 W0 B1 W1")]
    return problem, write(chosen, problem, order)


_MAKERS = {
    "tensor_parallel": _tensor_parallel,
    "one_f_one_b": _one_f_one_b,
    "free_order": _free_order,
    "measured": _measured,
    "scheduled": _scheduled,
}
NAMES = tuple(_MAKERS)


@cache
def _made(name: str) -> tuple[Spec, Json]:
    return _MAKERS[name]()


def plan(name: str) -> tuple[Spec, Json]:
    """A spec and a fresh copy of a correct document for it."""
    problem, document = _made(name)
    return problem, copy.deepcopy(document)
