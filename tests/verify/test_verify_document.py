"""Whole documents: correct ones pass, each mutation is found, garbage never raises."""

from __future__ import annotations

import copy
import json
import math
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from solver.verify.check import verify
from tests.verify.document import Json
from tests.verify.plans import NAMES, plan

Change = Callable[[Json], object]
Path = tuple[str | int, ...]


@pytest.mark.parametrize("name", NAMES)
def test_correct_plan_is_accepted(name: str) -> None:
    problem, document = plan(name)
    report = verify(json.loads(json.dumps(document)), problem)
    assert report.violations == ()
    assert report.ok
    assert report.figures is not None
    assert report.figures.step_time == pytest.approx(document["step_time_s"])


def swap(items: list[Any], one: int, other: int) -> None:
    items[one], items[other] = items[other], items[one]


def move(document: Json, stage: int, phase: str, microbatch: int, seconds: float) -> None:
    """Shift one operator of the schedule."""
    for action in document["pipeline"]["schedule"]:
        if (action["stage"], action["phase"], action["microbatch"]) == (stage, phase, microbatch):
            action["start_s"] += seconds
            action["end_s"] += seconds


def exposed(document: Json) -> Json:
    """A collective that compute hides in part at most."""
    return next(call for call in document["communication"] if call.get("exposed_s"))


MUTATIONS: list[tuple[str, Change, str]] = [
    # fields
    ("measured", lambda d: d.update(format="mmp-plan/2"), "format"),
    ("measured", lambda d: d.pop("communication"), "field-missing"),
    ("measured", lambda d: d["memory"][0].update(peak_bytes="8"), "field-type"),
    ("measured", lambda d: d["pipeline"].update(microbatches=True), "field-type"),
    ("measured", lambda d: d.update(step_time_s=math.nan), "field-type"),
    ("measured", lambda d: d["pipeline"]["schedule"][0].update(phase="X"), "field-value"),
    ("measured", lambda d: d["pipeline"]["schedule"][0].update(device=1), "field-value"),
    ("measured", lambda d: d["outcome"].update(plan="none"), "outcome"),
    ("measured", lambda d: d["mesh"]["axes"][0].update(size=4), "mesh"),
    # names
    ("tensor_parallel", lambda d: d["operators"].pop("up0"), "missing"),
    ("tensor_parallel", lambda d: d["tensors"].pop("x0"), "missing"),
    ("tensor_parallel", lambda d: d["parameters"].pop("w0"), "missing"),
    ("tensor_parallel", lambda d: d["operators"].update(gate=d["operators"]["up0"]), "unknown"),
    ("tensor_parallel", lambda d: d["tensors"].update(n0=d["tensors"]["x0"]), "unknown"),
    # pipeline and stages
    ("one_f_one_b", lambda d: d["pipeline"].update(axes=["node.7"]), "pipeline-axis"),
    ("one_f_one_b", lambda d: d["pipeline"].update(axes=["gpu.0"]), "pipeline-axis"),
    ("one_f_one_b", lambda d: d["pipeline"].update(axes=["node.0"] * 2), "pipeline-axis"),
    ("one_f_one_b", lambda d: d["pipeline"].update(axes=[]), "stage-count"),
    ("one_f_one_b", lambda d: d["pipeline"].update(microbatches=3), "microbatches"),
    ("one_f_one_b", lambda d: d["pipeline"].update(microbatches=2), "microbatches"),
    ("one_f_one_b", lambda d: d["pipeline"].update(microbatches=0), "microbatches"),
    ("one_f_one_b", lambda d: d["pipeline"].update(family=None), "family"),
    ("one_f_one_b", lambda d: d["operators"]["up1"].update(stage=0), "stage-unit"),
    ("one_f_one_b", lambda d: d["operators"]["up1"].update(stage=2), "stage-range"),
    ("one_f_one_b", lambda d: d["operators"]["up1"].update(recompute=False), "recompute-unit"),
    ("one_f_one_b", lambda d: d["pipeline"].update(fused=[True, False]), "stage-fused"),
    ("one_f_one_b", lambda d: d["pipeline"]["stages"].pop(), "stage-list"),
    ("one_f_one_b", lambda d: d["pipeline"]["stages"][0]["units"].append("u1"), "stage-content"),
    ("one_f_one_b", lambda d: d["pipeline"]["stages"][1]["operators"].pop(), "stage-content"),
    ("one_f_one_b", lambda d: d["pipeline"]["stages"][0].update(forward_s=1e-6), "stage-time"),
    (
        "one_f_one_b",
        lambda d: d["pipeline"]["stages"][0].update(released_by_input_grad_bytes=0.0),
        "stage-memory",
    ),
    (
        "tensor_parallel",
        lambda d: d["pipeline"]["stages"][0].update(
            released_by_input_grad_bytes=d["pipeline"]["stages"][0]["activation_bytes"]
        ),
        "stage-memory",
    ),
    ("measured", lambda d: d["pipeline"]["stages"][1].update(activation_bytes=1.0), "stage-memory"),
    ("measured", lambda d: d["operators"]["m0"].update(stage=1), "stage-order"),
    # cuts
    (
        "tensor_parallel",
        lambda d: d["operators"]["norm0"].update(cuts={"d": ["gpu.1"]}),
        "cut-index",
    ),
    ("free_order", lambda d: d["pipeline"].update(family="zb_h2"), "family"),
    (
        "tensor_parallel",
        lambda d: d["operators"]["up0"]["cuts"].update(s=["gpu.1"]),
        "cut-twice",
    ),
    (
        "tensor_parallel",
        lambda d: d["operators"]["up0"]["cuts"].update(b=["gpu.7"]),
        "cut-axis",
    ),
    (
        "one_f_one_b",
        lambda d: d["operators"]["up0"]["cuts"].update(b=["node.0"]),
        "cut-axis",
    ),
    (
        "tensor_parallel",
        lambda d: d["operators"]["embed"].update(cuts={"b": ["node.0", "gpu.0", "gpu.1"]}),
        "cut-divides",
    ),
    ("tensor_parallel", lambda d: d["tensors"]["x0"]["cuts"].update(f=[]), ""),
    ("tensor_parallel", lambda d: d["tensors"]["x0"].update(cuts={"f": ["gpu.0"]}), "cut-index"),
    ("tensor_parallel", lambda d: d["tensors"]["x0"].update(partial=["gpu.1"]), "cut-twice"),
    ("measured", lambda d: d["operators"]["m1"].update(variant="fast"), "variant"),
    ("measured", lambda d: d["operators"]["m1"].update(cuts={"s": ["gpu.0"]}), "variant-cuts"),
    ("measured", lambda d: d["operators"]["m1"].update(recompute=True), "recompute-variant"),
    ("tensor_parallel", lambda d: d["operators"]["up0"].update(variant="fast"), "variant"),
    # storage
    ("tensor_parallel", lambda d: d["parameters"]["w0"].update(used={}), "parameter-used"),
    ("tensor_parallel", lambda d: d["parameters"]["w0"]["levels"].update(gpu=4), "storage-level"),
    ("tensor_parallel", lambda d: d["parameters"]["w0"]["levels"].update(rack=1), "storage-level"),
    ("one_f_one_b", lambda d: d["parameters"]["w0"]["levels"].update(node=1), "storage-level"),
    ("tensor_parallel", lambda d: d["parameters"]["w0"].update(stored={}), "parameter-stored"),
    (
        "tensor_parallel",
        lambda d: d["parameters"]["w0"]["optimizer_stored"].update(d=["node.0"]),
        "parameter-stored",
    ),
    (
        "tensor_parallel",
        lambda d: d["parameters"]["w0"].update(bytes_per_device=1),
        "parameter-bytes",
    ),
    # schedule
    ("one_f_one_b", lambda d: d["pipeline"]["schedule"].pop(), "schedule-count"),
    ("one_f_one_b", lambda d: d["pipeline"].update(schedule=[]), "schedule-count"),
    (
        "one_f_one_b",
        lambda d: d["pipeline"]["schedule"].append(d["pipeline"]["schedule"][0]),
        "schedule-count",
    ),
    (
        "one_f_one_b",
        lambda d: d["pipeline"]["schedule"].append({**d["pipeline"]["schedule"][0], "phase": "W"}),
        "schedule-extra",
    ),
    ("measured", lambda d: d["pipeline"]["schedule"][-1].update(end_s=99), "schedule-duration"),
    ("measured", lambda d: move(d, 1, "F", 0, -0.1), "schedule-early"),
    ("measured", lambda d: move(d, 0, "F", 0, -0.1), "schedule-early"),
    ("measured", lambda d: move(d, 0, "F", 0, 0.1), "schedule-early schedule-overlap"),
    # memory
    ("free_order", lambda d: d["memory"].pop(), "memory-list"),
    ("free_order", lambda d: d["memory"][0].update(devices=4), "memory-devices"),
    ("free_order", lambda d: d["memory"][1].update(peak_bytes=1.0), "memory-peak"),
    ("free_order", lambda d: d["memory"][1]["terms"].update(buffers=0), "memory-term"),
    ("free_order", lambda d: d["memory"][1].update(limit_bytes=1e12), "memory-limit-figure"),
    # communication
    ("tensor_parallel", lambda d: d["communication"].pop(), "communication"),
    ("tensor_parallel", lambda d: d["communication"][0].update(bytes=1), "communication"),
    ("tensor_parallel", lambda d: d["communication"][0].update(count=1), "communication"),
    ("tensor_parallel", lambda d: d["communication"][0].update(seconds=0.0), "communication"),
    ("tensor_parallel", lambda d: d["communication"][0].update(axes=["gpu.0"]), "communication"),
    ("tensor_parallel", lambda d: d["communication"][0]["axes"].reverse(), ""),
    ("tensor_parallel", lambda d: d["communication"].reverse(), ""),
    ("scheduled", lambda d: exposed(d).update(exposed_s=0.0), "communication"),
    ("scheduled", lambda d: exposed(d).pop("exposed_s"), "communication"),
    ("tensor_parallel", lambda d: d["communication"][0].update(exposed_s=0.0), "communication"),
    # work once per step
    ("scheduled", lambda d: d["pipeline"].pop("step_operators"), "field-missing"),
    ("scheduled", lambda d: d["pipeline"]["step_operators"].pop(), "step-list"),
    (
        "scheduled",
        lambda d: d["pipeline"]["step_operators"].append(d["pipeline"]["step_operators"][0]),
        "step-list",
    ),
    ("scheduled", lambda d: d["pipeline"]["step_operators"].reverse(), ""),
    ("scheduled", lambda d: d["pipeline"]["step_operators"][0].update(chunk=1), "step-list"),
    ("scheduled", lambda d: d["pipeline"]["step_operators"][1].update(chunk=0), "step-list"),
    (
        "scheduled",
        lambda d: d["pipeline"]["step_operators"][0].update(stream="compute"),
        "step-list",
    ),
    (
        "scheduled",
        lambda d: d["pipeline"]["step_operators"][0].update(start_s=0.0),
        "step-operator",
    ),
    ("scheduled", lambda d: d["pipeline"]["step_operators"][1].update(end_s=1.0), "step-operator"),
    ("scheduled", lambda d: d["pipeline"]["step_operators"][5].update(end_s=1.0), "step-operator"),
    ("scheduled", lambda d: d["pipeline"]["stages"][0].update(reduce_s=0.0), "stage-time"),
    ("scheduled", lambda d: d["pipeline"]["stages"][0].update(gather_s=0.0), "stage-time"),
    ("scheduled", lambda d: d["pipeline"]["stages"][0].update(tail_s=0.0), "stage-time"),
    ("scheduled", lambda d: d.update(step_time_s=1.0), "step-time"),
    # figures
    ("free_order", lambda d: d.update(step_time_s=1e-6), "step-time"),
    ("free_order", lambda d: d["pipeline"].update(bubble=0.0), "bubble"),
    ("free_order", lambda d: d["objective"].update(name="step_time"), "objective"),
    ("free_order", lambda d: d["objective"].update(unit="s"), "objective"),
    ("free_order", lambda d: d["objective"].update(penalty=-1.0), "objective"),
    (
        "free_order",
        lambda d: d["objective"].update(bound=2 * d["objective"]["value"], gap=-1.0),
        "bound",
    ),
    ("free_order", lambda d: d["objective"].update(gap=0.01), "gap"),
    ("free_order", lambda d: d["objective"].update(gap=None), "gap"),
    ("free_order", lambda d: d["objective"].update(bound=None, gap=None), ""),
    ("free_order", lambda d: d["objective"].update(bound=None), "gap"),
    ("free_order", lambda d: d["outcome"].update(stopped="done"), "outcome"),
    ("free_order", lambda d: d["outcome"].update(plan="best"), "outcome"),
    ("free_order", lambda d: d["outcome"].update(stopped="proved", plan="optimal"), "outcome"),
    # pins
    ("tensor_parallel", lambda d: d["pins"].pop(), "pin-list"),
    ("tensor_parallel", lambda d: swap(d["pins"], 0, 1), "pin-list"),
    ("tensor_parallel", lambda d: d["pins"][0].update(line=8), "pin-list"),
    ("tensor_parallel", lambda d: d["pins"][0].update(satisfied=False), "pin-satisfied"),
    ("tensor_parallel", lambda d: d["pins"][2].update(weight_s=0.001), "pin-weight"),
    ("tensor_parallel", lambda d: d["pins"][2].update(weight_s=None), "pin-weight"),
    ("tensor_parallel", lambda d: d["pins"][0].update(weight_s=1.0), "pin-weight"),
    ("tensor_parallel", lambda d: d["pins"][2].update(paid_s=0.0), "pin-paid"),
]


@pytest.mark.parametrize(("name", "change", "codes"), MUTATIONS)
def test_mutation_is_caught_by_its_own_rule(name: str, change: Change, codes: str) -> None:
    problem, document = plan(name)
    change(document)
    assert verify(document, problem).codes == tuple(codes.split())


def test_legal_change_of_a_decision_shows_in_the_figures() -> None:
    """A swapped cut or a moved layer is a legal plan, but not the one whose figures are claimed."""
    problem, document = plan("tensor_parallel")
    cuts = document["operators"]["act0"]["cuts"]
    cuts["b"], cuts["f"] = cuts["f"], cuts["b"]
    assert {"communication", "stage-time"} <= set(verify(document, problem).codes)
    problem, document = plan("measured")
    document["operators"]["m1"]["stage"] = 1
    assert "stage-content" in verify(document, problem).codes


def leaves(value: Any, at: Path = ()) -> Iterator[tuple[Path, Any]]:
    """Every value of a document that is no object and no list, with its place."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from leaves(inner, (*at, key))
    elif isinstance(value, list):
        for key, inner in enumerate(value):
            yield from leaves(inner, (*at, key))
    else:
        yield at, value


def put(document: Json, at: Path, value: Any) -> None:
    target: Any = document
    for key in at[:-1]:
        target = target[key]
    target[at[-1]] = value


def other(value: Any) -> Any:
    """A value of the same type that says something else."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return value + 1
    if isinstance(value, float):
        return value * 1.001 + 1e-6
    return "x" if value is None else f"{value}x"


@pytest.mark.parametrize("name", NAMES)
def test_no_figure_is_taken_on_trust(name: str) -> None:
    """Change any single value of a document and it is rejected."""
    problem, document = plan(name)
    missed = []
    for at, value in leaves(document):
        put(document, at, other(value))
        if verify(document, problem).ok:
            missed.append(at)
        put(document, at, value)
    assert missed == []


WRONG: tuple[Any, ...] = (None, [], {}, [[1]], "", -1, math.inf, 10**400)


@pytest.mark.parametrize("name", NAMES)
def test_wrong_types_anywhere_are_reported(name: str) -> None:
    problem, document = plan(name)
    for at, value in leaves(document):
        for wrong in WRONG:
            put(document, at, wrong)
            verify(document, problem)  # must not raise
        put(document, at, value)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=8,
)


@settings(max_examples=50, deadline=None, derandomize=True)
@given(JSON)
def test_garbage_is_rejected_and_never_raises(value: Any) -> None:
    problem, _ = plan("free_order")
    assert not verify(value, problem).ok


@settings(max_examples=75, deadline=None, derandomize=True)
@given(st.data())
def test_garbage_inside_a_plan_never_raises(data: st.DataObject) -> None:
    problem, document = plan(data.draw(st.sampled_from(NAMES)))
    target: Any = document
    for _ in range(data.draw(st.integers(0, 5))):
        keys = list(target) if isinstance(target, dict) else list(range(len(target)))
        inner = [key for key in keys if isinstance(target[key], dict | list) and target[key]]
        if not inner:
            break
        target = target[data.draw(st.sampled_from(inner))]
    keys = list(target) if isinstance(target, dict) else list(range(len(target)))
    target[data.draw(st.sampled_from(keys))] = data.draw(JSON)
    before = copy.deepcopy(document)
    report = verify(document, problem)
    assert repr(document) == repr(before)
    assert all(v.code and v.message for v in report.violations)
