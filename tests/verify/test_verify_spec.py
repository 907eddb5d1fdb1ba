"""Pins, limits and settings of the spec: correct figures of a plan that the spec does not want."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest

from dsl.spec import (
    CutOver,
    Limit,
    OnStage,
    Pipeline,
    Recomputed,
    Requirement,
    Spec,
    SplitBy,
    StoredOver,
    WholeIndex,
)
from solver.verify.check import verify
from solver.verify.decisions import Decisions
from solver.verify.evaluate import IllegalDecisionsError, evaluate
from solver.verify.figures import Phase
from tests.verify.build import SPAN, Net, mesh, mlp, pin, spec
from tests.verify.choose import choose, in_order, row
from tests.verify.document import write
from tests.verify.plans import plan


def two_stages(problem: Spec) -> Decisions:
    """b over node.0, f over gpu.1, two stages over gpu.0, weights stored over the node."""
    return choose(
        problem,
        cuts={"*": {"b": "node.0", "f": "gpu.1"}},
        levels={"node": 3, "gpu": 1},
        pipeline="gpu.0",
        stage={"u1": 1},
        recompute="u1",
    )


@pytest.mark.parametrize(
    ("wish", "met", "avoided"),
    [
        (CutOver("up0", "f", ("gpu.1",)), True, False),
        (CutOver("up0", "f", ("gpu.0", "gpu.1")), False, False),
        (CutOver("up0", "b", ("gpu.0", "gpu.1")), False, True),
        (SplitBy("up0", (("f", 2), ("b", 2))), True, False),
        (SplitBy("up0", (("f", 2), ("b", 4))), False, True),
        (WholeIndex("up0", "s"), True, False),
        (WholeIndex("up0", "f"), False, True),
        (OnStage("u1", -1, -1), True, False),
        (OnStage("u1", 0, 0), False, True),
        (OnStage("u0", 0, 5), True, False),
        (OnStage("u0", -2, -1), True, False),
        (StoredOver("w0", "parameters", ("node.0", "gpu.1")), True, False),  # gpu.1 by its use
        (StoredOver("scale0", "parameters", ("gpu.1",)), False, True),
        (StoredOver("scale0", "gradients", ("node.0", "gpu.1")), False, False),
        (StoredOver("scale0", "optimizer", ("gpu.1",)), True, False),
        (Recomputed("u1", True), True, False),
        (Recomputed("u0", True), False, True),
    ],
)
def test_requirements(wish: Requirement, met: bool, avoided: bool) -> None:
    pins = (pin(wish, kind="soft", weight=0.5), pin(wish, kind="forbid", weight=0.25))
    problem = spec(mlp(layers=2), mesh(node=2, gpu=4), pins=pins)
    figures = evaluate(two_stages(problem), problem, [row("F0 B0 W0"), row("F0 B0")])
    assert [bill.satisfied for bill in figures.bills] == [met, avoided]
    assert figures.penalty == (0 if met else 0.5) + (0 if avoided else 0.25)
    assert figures.objective == figures.step_time + figures.penalty


def test_a_pin_is_broken_as_a_whole_and_paid_once() -> None:
    wishes = (WholeIndex("up0", "f"), WholeIndex("up1", "f"), WholeIndex("up0", "s"))
    problem = spec(
        mlp(layers=2), mesh(node=2, gpu=4), pins=(pin(*wishes, kind="soft", weight=0.5),)
    )
    order = [row("F0 B0 W0"), row("F0 B0")]
    assert evaluate(two_stages(problem), problem, order).penalty == 0.5


@pytest.mark.parametrize(
    ("change", "codes"),
    [
        ({"pins": (pin(WholeIndex("up0", "f")),)}, "pin-broken"),
        ({"pins": (pin(OnStage("u0", 0, 0), kind="forbid"),)}, "pin-broken"),
        ({"limits": (Limit("l", "memory", 5000.0, 0.0, SPAN),)}, "memory-limit limit"),
        ({"limits": (Limit("l", "memory", 9000.0, 8000.0, SPAN),)}, "memory-limit limit"),
        ({"limits": (Limit("l", "step_time", 1e-6, 0.0, SPAN),)}, "limit"),
    ],
)
def test_plan_that_breaks_what_must_hold(change: dict[str, object], codes: str) -> None:
    problem = replace(spec(mlp(layers=2), mesh(node=2, gpu=4)), **change)  # type: ignore[arg-type]
    document = write(two_stages(problem), problem, [row("F0 B0 W0"), row("F0 B0")])
    assert " ".join(verify(document, problem).codes) == codes


def test_capacity_of_the_device_is_the_limit_where_none_is_set() -> None:
    small = mesh(gpu=1)
    small = replace(small, kinds=(replace(small.device, memory_bytes=100.0),))
    problem = spec(mlp(), small)
    document = write(choose(problem), problem, in_order(1, 1))
    report = verify(document, problem)
    assert report.codes == ("memory-limit",)


@pytest.mark.parametrize(
    ("train", "codes"),
    [
        ({"recompute": "none"}, "recompute-mode"),
        ({"recompute": "full"}, ""),
        ({"microbatches": (5, 8)}, "microbatches"),
        ({"pipeline": Pipeline(3, 4, "one_f_one_b", None, SPAN)}, "stage-count"),
        ({"pipeline": Pipeline(1, 1, "one_f_one_b", None, SPAN)}, "stage-count"),
        ({"pipeline": Pipeline(1, None, "one_f_one_b", ("gpu.0",), SPAN)}, "pipeline-axis"),
        ({"pipeline": Pipeline(1, None, "gpipe", None, SPAN)}, "family"),
        ({"pipeline": Pipeline(1, None, None, None, None)}, ""),
    ],
)
def test_settings_are_obeyed(train: dict[str, object], codes: str) -> None:
    problem, document = plan("one_f_one_b")
    changed = replace(problem, train=replace(problem.train, **train))  # type: ignore[arg-type]
    assert " ".join(verify(document, changed).codes) == codes


def test_stage_without_units_is_found() -> None:
    problem, document = plan("one_f_one_b")
    for entry in document["operators"].values():
        entry["stage"] = 1
    assert verify(document, problem).codes == ("stage-empty",)


@pytest.mark.parametrize(
    ("family", "rows", "code"),
    [
        ("one_f_one_b", ["F0 F1 B0 B1 F2 B2", "F0 B0 F1 B1 F2 B2"], "schedule-family"),
        ("one_f_one_b", ["F1 F0 B1 F2 B0 B2", "F1 B1 F0 B0 F2 B2"], "schedule-family"),
        ("gpipe", ["F0 F1 F2 B0 B1 B2", "F0 B0 F1 B1 F2 B2"], "schedule-family"),
        ("gpipe", ["F0 F1 F2 B0 B1 B2", "F0 F1 F2 B0 B1 B2"], ""),
        ("zb_h1", ["F0 F1 B0 W0 F2 B1 W1 B2 W2", "F0 B0 W0 F1 B1 W1 F2 B2 W2"], "schedule-family"),
        ("zb_h1", ["F0 F1 B0 W0 F2 B1 W1 B2 W2", "F0 B0 F1 B1 W0 F2 B2 W1 W2"], ""),
        (None, ["F0 F1 F2 B0 W0 B1 W1 B2 W2", "F1 F0 F2 B1 B0 W0 B2 W1 W2"], "schedule-messages"),
        (None, ["F0 F1 F2 B0 W0 B1 W1 B2 W2", "F0 B0 F1 W0 F2 B1 B2 W1 W2"], ""),
    ],
)
def test_order_of_the_schedule(family: str | None, rows: list[str], code: str) -> None:
    problem = spec(mlp(layers=2, batch=6), mesh(gpu=2))
    chosen = choose(problem, pipeline="gpu.0", stage={"u1": 1}, microbatches=3, family=family)
    document = write(chosen, problem, [row(text) for text in rows])
    assert " ".join(verify(document, problem).codes) == code


def test_partial_needs_a_gradient() -> None:
    net = Net({"b": 8})
    net.tensor("x", "b", "input")
    net.op("one", ["x[b]"], "y[b]")
    net.op("two", ["x[b]"], "z[b]")
    problem = spec(net, mesh(gpu=2))
    document = write(choose(problem), problem, in_order(1, 1))
    document["tensors"]["x"]["partial"] = ["gpu.0"]
    assert verify(document, problem).codes == ("partial",)


def test_illegal_decisions_cannot_be_evaluated() -> None:
    problem = spec(mlp(), mesh(gpu=2))
    with pytest.raises(IllegalDecisionsError, match="no sharding sub-axis"):
        evaluate(choose(problem, cuts={"up0": {"f": "rack.0"}}), problem, in_order(1, 1))


@pytest.mark.slow  # nearly all of it to write the document
def test_a_model_of_the_size_of_llama_3_405b_is_checked_in_three_seconds() -> None:
    """126 layers of 15 operators on 2048 devices, 8 stages."""
    where = mesh(node=256, gpu=8)
    problem = spec(mlp(blocks=3, layers=126), where, transfer=0.0)
    stages = {f"u{at}": at * 8 // 126 for at in range(126)}
    chosen = choose(
        problem,
        cuts={"*": {"b": "node.7", "f": "gpu.0 gpu.1 gpu.2"}},
        levels={"node": 1},
        pipeline="node.0 node.1 node.2",
        stage=stages,
        microbatches=4,
        family="one_f_one_b",
    )
    warm = [min(4, 8 - at) for at in range(8)]
    rows = [_one_f_one_b(4, ahead) for ahead in warm]
    document = write(chosen, problem, rows)
    start = time.process_time()
    report = verify(document, problem)
    assert report.ok
    assert time.process_time() - start < 3


def _one_f_one_b(count: int, ahead: int) -> list[tuple[Phase, int]]:
    words = [f"F{j}" for j in range(ahead)]
    for j in range(count):
        words.append(f"B{j}")
        if j + ahead < count:
            words.append(f"F{j + ahead}")
    return row(" ".join(words))
