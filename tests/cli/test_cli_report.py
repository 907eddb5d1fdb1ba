"""What the report reads off a plan: degrees in the field's words, and where the time goes."""

from __future__ import annotations

import io
import math
import re
from dataclasses import replace
from typing import Any

import pytest
from rich.console import Console

from dsl.load import load
from dsl.span import Span
from dsl.spec import Limit, Spec
from solver.cli.report.conflict import conflict
from solver.cli.report.degrees import degrees
from solver.cli.report.memory import memory
from solver.cli.report.parallelism import parallelism
from solver.cli.report.pins import pins
from solver.cli.report.pipeline import pipeline as pipeline_section
from solver.cli.report.spending import breakdown, hidden
from solver.cli.report.summary import ending, title
from solver.cli.report.table import lines
from solver.cli.report.view import View

DENSE = """
language 1
import hardware.nvidia (h100_sxm)
import models.llama (llama3_8b)
mesh pod = h100_sxm[node: 2, gpu: 4]
model net = llama3_8b(batch: 64, seq: 2048)
train { overlap 0.5 }
"""
EXPERTS = DENSE.replace("llama (llama3_8b)", "mixtral (mixtral_8x7b)").replace(
    "llama3_8b(", "mixtral_8x7b("
)


@pytest.fixture(scope="module")
def dense(tmp_path_factory: pytest.TempPathFactory) -> Spec:
    return _load(tmp_path_factory, DENSE)


@pytest.fixture(scope="module")
def experts(tmp_path_factory: pytest.TempPathFactory) -> Spec:
    return _load(tmp_path_factory, EXPERTS)


def _load(folder: pytest.TempPathFactory, text: str) -> Spec:
    path = folder.mktemp("spec") / "spec.mmp"
    path.write_text(text, encoding="utf-8")
    return load(path)


def _view(spec: Spec, wishes: dict[str, str], pipeline: tuple[str, ...] = ()) -> View:
    """A plan in which every sub-axis cuts the first index of its list that an operator has.

    `wishes`: sub-axis -> indices by preference, `"f g"`.
    """
    operators = {}
    for operator in spec.graph.operators:
        cuts: dict[str, list[str]] = {}
        for part, preferred in wishes.items():
            found = [index for index in preferred.split() if index in operator.cuttable]
            if found:
                cuts.setdefault(found[0], []).append(part)
        operators[operator.name] = {"cuts": cuts}
    stages = [{"stage": stage, "operators": [], "units": []} for stage in range(1 + len(pipeline))]
    document = {
        "operators": operators,
        "parameters": {
            name: {"levels": {"node": 1, "gpu": 3 if name.endswith(".y.w") else 1}}
            for name, tensor in spec.graph.tensors.items()
            if tensor.role == "parameter"
        },
        "pipeline": {"microbatches": 4, "axes": list(pipeline), "stages": stages},
    }
    return View(document, spec, 100)


@pytest.mark.parametrize(
    ("wishes", "pipeline", "text"),
    [
        ({"node.0": "b", "gpu.0": "b", "gpu.1": "b"}, (), "DP 8 x TP 1 x PP 1"),
        ({"node.0": "b", "gpu.0": "f g", "gpu.1": "f g"}, (), "DP 2 x TP 4 x PP 1"),
        ({"node.0": "b", "gpu.0": "f g s", "gpu.1": "f g s"}, (), "DP 2 x TP 4+SP x PP 1"),
        ({"node.0": "b", "gpu.0": "f g", "gpu.1": "s"}, (), "DP 2 x TP 2 x CP 2 x PP 1"),
        ({"gpu.0": "b", "gpu.1": "f g"}, ("node.0",), "DP 2 x TP 2 x PP 2"),
        ({"node.0": "b"}, (), "DP 2 x TP 1 x PP 1 x 4 times the same work"),
    ],
)
def test_degrees(dense: Spec, wishes: dict[str, str], pipeline: tuple[str, ...], text: str) -> None:
    assert degrees(_view(dense, wishes, pipeline)).text() == text


def test_experts(experts: Spec) -> None:
    wishes = {"node.0": "b c", "gpu.0": "e b", "gpu.1": "e b"}
    text = degrees(_view(experts, wishes)).text()
    assert text == "DP 8 x TP 1 x PP 1, EP 4 inside the experts"


def test_measured_operators_tell_no_degrees(tmp_path_factory: pytest.TempPathFactory) -> None:
    spec = _load(
        tmp_path_factory,
        """
        language 1
        import hardware.abstract (worker)
        model measured(batch: int) {
          batch index b = batch
          input x[b]
          repeat 2 as chunks { op chunk(x) -> y { forward 1 us  backward 2 us }  x = y }
          output x
        }
        mesh ring = worker[rank: 2]
        model net = measured(batch: 4)
        """,
    )
    view = _view(spec, {}, ("rank.0",))
    view.document["operators"] = {
        name: {"variant": op.variants[0].name} for name, op in view.operators.items()
    }
    assert degrees(view).text() == "PP 2"


def test_storage_is_named_by_its_level(dense: Spec) -> None:
    view = _view(dense, {"node.0": "b", "gpu.0": "b", "gpu.1": "b"})
    console = Console(file=io.StringIO(), width=120, highlight=False)
    for part in parallelism(View(view.document, view.spec, 120)):
        console.print(part)
    assert isinstance(console.file, io.StringIO)
    found = [re.split(" {2,}", line.strip()) for line in console.file.getvalue().splitlines()]
    assert found[0] == ["Parallelism", "DP 8 x TP 1 x PP 1, 4 micro-batches"]
    assert ["net.layers[0..31].attn.y", "b/node,gpu", "ZeRO-1 over node, ZeRO-3 over gpu"] in found
    assert ["net.layers[0..31].attn.{q_rotated,key_rotated,o,out}", "b/node,gpu"] in found
    assert ["net.layers[0..31].mlp.{norm,gate,up,down}", "b/node,gpu", "ZeRO-1 over node,gpu"] in (
        found
    )


def _call(operator: str, phase: str, collective: str, axes: list[str], s: float) -> dict[str, Any]:
    return {
        "operator": operator,
        "tensor": None,
        "phase": phase,
        "collective": collective,
        "axes": axes,
        "count": 2,
        "seconds": s,
    }


def test_the_time_of_a_step_adds_up(dense: Spec) -> None:
    """Two stages; half of the time of parameters is hidden, that of activations is not."""
    view = _view(dense, {}, ("node.0",))
    names = list(view.operators)
    half = len(names) // 2
    for stage, operators in enumerate((names[:half], names[half:])):
        times = {"forward_s": 1.0, "input_grad_s": 2.0, "weight_grad_s": 0.5, "tail_s": 3.0}
        view.stages[stage] |= {"operators": operators, **times}
    view.document["step_time_s"] = 20.0
    parameter = next(n for n, t in dense.graph.tensors.items() if t.role == "parameter")
    view.document["communication"] = [
        _call(names[3], "F", "all_reduce", ["gpu.0"], 1.0),
        _call(names[5], "B", "all_reduce", ["gpu.0"], 0.5),
        _call(parameter, "F", "all_gather", ["gpu.1"], 0.25),
        _call(parameter, "step", "reduce_scatter", ["gpu.1"], 0.5),
        _call(parameter, "step", "all_reduce", ["node.0"], 0.25),
    ]
    found = dict(breakdown(view))
    assert found["all-reduce"] == pytest.approx((2 * 1.0 + 2 * 0.5) / 2)
    assert found["all-gather of parameters"] == pytest.approx(2 * 0.25 * 0.5 / 2)
    assert found["reduce-scatter of parameters once per step"] == pytest.approx(2 * 0.5 * 0.5 / 2)
    # The sum of a gradient over its stages is never hidden (cost model, section 6).
    assert found["all-reduce of parameters once per step"] == pytest.approx(2 * 0.25 / 2)
    assert found["bubble"] == pytest.approx(20.0 - (4 * 3.5 + 3.0))
    assert found["compute"] == pytest.approx(4 * 3.5 - 1.5 - 0.125)
    assert math.fsum(found.values()) == pytest.approx(20.0)


def test_what_scheduled_overlap_leaves_is_listed(dense: Spec) -> None:
    """One stage, from 0 to 14 s; then 1 s of 3 s of reductions is left, 2 s of update, and 0.5 s of
    1 s of gathers. Of two calls of 0.25 s every micro-batch 0.1 s each are left."""
    spec = replace(dense, train=replace(dense.train, overlap="scheduled"))
    view = _view(spec, {})
    parameter = next(n for n, t in spec.graph.tensors.items() if t.role == "parameter")
    times = {"forward_s": 1.0, "input_grad_s": 2.0, "weight_grad_s": 0.5}
    once = {"reduce_s": 3.0, "update_s": 2.0, "gather_s": 1.0, "tail_s": 3.5}
    view.stages[0] |= {"operators": list(view.operators), **times, **once}
    view.document["step_time_s"] = 17.5
    view.document["pipeline"] |= {
        "schedule": [{"stage": 0, "end_s": 13.0}, {"stage": 0, "end_s": 14.0}],
        "step_operators": [{"stage": 0, "phase": "update", "start_s": 15.0}],
    }
    view.document["communication"] = [
        _call(parameter, "F", "all_gather", ["gpu.1"], 0.25) | {"exposed_s": 0.1},
        _call(parameter, "step", "reduce_scatter", ["gpu.1"], 1.5),
        _call(parameter, "step", "all_gather", ["gpu.1"], 0.5),
    ]
    found = dict(breakdown(view))
    assert found["all-gather of parameters"] == pytest.approx(2 * 0.1)
    assert found["reduction of gradients once per step"] == pytest.approx(1.0)
    assert found["gather of updated parameters once per step"] == pytest.approx(0.5)
    assert found["optimizer"] == pytest.approx(2.0)
    assert found["compute"] == pytest.approx(4 * 3.5 - 0.2)
    assert math.fsum(found.values()) == pytest.approx(17.5)
    assert hidden(view) == (pytest.approx(2 * 0.15 + 2.0 + 0.5), pytest.approx(0.5 + 4.0))


@pytest.mark.parametrize(
    ("stopped", "wall_s", "is_reproducible", "word"),
    [
        ("limit", 20.4, False, "limit"),
        ("limit", 4.6, False, "exhausted"),
        ("limit", 60.0, True, "exhausted"),  # it counts work; only its parent looks at the clock,
        ("limit", 203.0, True, "limit"),  # and asks it to stop after ten times the limit
        ("interrupted", 4.6, False, "interrupted"),
        ("proved", 4.6, False, "proved"),
    ],
)
def test_a_search_with_time_left_was_not_stopped_by_the_limit(
    stopped: str, wall_s: float, is_reproducible: bool, word: str
) -> None:
    solver = {"time_limit_s": 20.0, "wall_s": wall_s, "reproducible": is_reproducible}
    assert ending({"outcome": {"stopped": stopped}, "solver": solver}) == word


def test_stages_break_lines_at_commas_and_say_where_weight_gradients_are(dense: Spec) -> None:
    view = _view(dense, {}, ("node.0",))
    units = [f"net.part_{number}.of_a_long_name" for number in range(12)]
    for stage in view.stages:
        times = {"forward_s": 1.0, "input_grad_s": 2.0, "weight_grad_s": 0.5, "tail_s": 3.0}
        view.stages[stage["stage"]] |= {"units": units, **times}
    view.document["step_time_s"] = 20.0
    view.document["pipeline"] |= {
        "family": None,
        "fused": [True, False],
        "bubble": 0.1,
        "schedule": [],
    }
    console = Console(file=io.StringIO(), width=100, highlight=False)
    for part in pipeline_section(view):
        console.print(part)
    assert isinstance(console.file, io.StringIO)
    page = console.file.getvalue().splitlines()
    first = next(line for line in page if line.startswith("  0 "))
    second = next(line for line in page if line.startswith("  1 "))
    assert (first.split()[-4:-2], second.split()[-4:]) == (
        ["in", "backward"],
        ["500.0", "ms", "3.000", "s"],
    )
    broken = [line.strip() for line in page if "of_a_long_name" in line]
    assert len(broken) > 2
    assert all(name in "\n".join(page) for name in units)
    assert all(line.endswith(("of_a_long_name,", "of_a_long_name", " s")) for line in broken)


@pytest.mark.parametrize(
    ("objective", "weight", "over", "words"),
    [
        ("step_time", 0.003 / 2**30, {"over_bytes": 2.0 * 2**30},
         ["2.000 GiB over", "3.000 ms per GiB", "6.000 ms"]),
        ("step_time", 0.003 / 2**30, {"over_bytes": 0.0}, ["holds", "3.000 ms per GiB"]),
        ("step_time", 0.5, {"over_s": 0.25}, ["250.0 ms over", "500.0 ms per s", "125.0 ms"]),
        ("memory", 2.0, {"over_bytes": 2.0**20},
         ["1.000 MiB over", "2.000 GiB per GiB", "2.000 MiB"]),
        ("memory", 2.0**30, {"over_s": 0.5}, ["500.0 ms over", "1.000 GiB per s", "512.0 MiB"]),
        ("memory", 2.0**30, {"over_s": 0.0}, ["holds", "1.000 GiB per s"]),
        ("step_time", None, {}, ["holds", "must"]),
    ],
)  # fmt: skip
def test_the_bill_says_how_far_a_limit_is_exceeded_and_what_that_costs(
    dense: Spec, objective: str, weight: float | None, over: dict[str, float], words: list[str]
) -> None:
    limit = Limit("limit", "memory", 1.0, 0.0, Span("a.mmp", 7, 1, 7, 2), weight)
    paid = (weight or 0.0) * sum(over.values())
    entry = {"text": limit.text, "file": "a.mmp", "line": 7, "satisfied": not paid}
    entry |= {"weight_s": weight, "paid_s": paid, **over}
    document = {"pins": [entry], "objective": {"name": objective, "penalty": paid}}
    console = Console(file=io.StringIO(), width=100, highlight=False)
    for part in pins(View(document, replace(dense, pins=(), limits=(limit,)), 100)):
        console.print(part)
    assert isinstance(console.file, io.StringIO)
    head, _, line = console.file.getvalue().splitlines()
    state, *rest = words
    assert re.split(" {2,}", line.strip()) == [state, "limit", "a.mmp:7", *rest]
    assert re.split(" {2,}", head.strip())[1] == (
        f"1 broken, {rest[-1]} paid" if paid else "all hold"
    )


def test_where_nothing_is_to_blame_the_report_says_what_is(dense: Spec) -> None:
    document = {"conflict": [], "relaxations": []}
    words = " ".join(str(part) for part in conflict(document, dense, lambda _: ""))
    assert "No pin or limit is to blame" in words


def test_long_names_are_broken_at_commas_only() -> None:
    text = "net.vision.{embed,classed,position}, net.layers[0..23], net.head"
    assert lines(text, 30) == (
        "net.vision.{embed,classed,\nposition}, net.layers[0..23],\nnet.head"
    )
    assert lines("net.one_name_longer_than_the_line", 10) == "net.one_name_longer_than_the_line"


def test_stages_on_other_devices_name_them(tmp_path_factory: pytest.TempPathFactory) -> None:
    mixed = DENSE.replace("(h100_sxm)", "(a100_80, h100_sxm)").replace(
        "h100_sxm[node: 2", "[node: 1 of h100_sxm + 1 of a100_80"
    )
    spec = _load(tmp_path_factory, mixed)
    view = _view(spec, {}, ("node.0",))
    assert view.devices == ("h100_sxm", "a100_80")
    assert str(title(spec)).endswith(": 4 x h100_sxm + 4 x a100_80 (pod: node 2 x gpu 4)")
    terms = dict.fromkeys(("parameters", "gradients", "optimizer", "activations"), 1e9)
    terms |= {"buffers": 0.0, "reserve": 0.0}
    rows = [{"device": d, "devices": 4, "peak_bytes": 4e9, "limit_bytes": 8e10} for d in (0, 1)]
    view.document["memory"] = [{**row, "terms": terms} for row in rows]
    console = Console(file=io.StringIO(), width=100, highlight=False)
    for part in memory(view):
        console.print(part)
    assert isinstance(console.file, io.StringIO)
    assert re.search(r"0 +4 x h100_sxm .*\n +1 +4 x a100_80 ", console.file.getvalue())
    alone = _view(_load(tmp_path_factory, DENSE), {}, ("node.0",))
    assert alone.devices == ()
