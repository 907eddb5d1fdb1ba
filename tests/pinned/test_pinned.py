"""Pinned specs: what the pins make is what the solver finds, and what they leave open is named."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from dsl.load import load
from dsl.spec import Spec
from solver.events import Options
from solver.pinned.document import document
from solver.pinned.evaluate import Evaluated, evaluate_pinned
from solver.pinned.findings import OpenError
from solver.pinned.terms import fullest, memory_terms, time_terms
from solver.search.solve import solve

HEAD = """
language 1
import hardware.nvidia (h100_sxm)
import models.llama (llama)
import models.mixtral (mixtral)
import strategies.megatron as megatron
import strategies.zero as zero
import strategies.expert as expert
import strategies.data_parallel as data_parallel
"""
DENSE = "llama(layers: 8, d_model: 512, heads: 8, kv_heads: 4, head_dim: 64, ffn: 1536, \
vocab: 4096, batch: 32, seq: 1024)"
MOE = "mixtral(layers: 4, d_model: 512, heads: 8, kv_heads: 8, head_dim: 64, experts: 8, topk: 2, \
ffn: 512, vocab: 4096, batch: 32, seq: 1024)"
THREE_D = "apply megatron.three_d(net, tensor: tensor, data: data)\npin net.norm : s over tensor"
# The scales of norms, too, which the tensor axes repeat.
ALL_STORED = "pin net.** : optimizer stored over (data, tensor)"
Write = Callable[..., Spec]


@pytest.fixture
def spec(tmp_path: Path) -> Write:
    def write(
        mesh: str = "data: 4, tensor: 4",
        model: str = DENSE,
        microbatches: str = "4",
        pipeline: str = "1 stage",
        recompute: str = "none",
        pins: str = THREE_D,
    ) -> Spec:
        file = tmp_path / "spec.mmp"
        file.write_text(
            f"{HEAD}\nmesh pod = h100_sxm[{mesh}]\nmodel net = {model}\n"
            f"train {{\n microbatches {microbatches}\n pipeline {pipeline}\n"
            f" recompute {recompute}\n}}\n{pins}\nminimize step_time\n"
        )
        return load(file)

    return write


def opened(spec: Spec) -> tuple[str, ...]:
    with pytest.raises(OpenError) as caught:
        evaluate_pinned(spec)
    return caught.value.decisions


@pytest.mark.parametrize(
    "changes",
    [
        {"pins": f"{THREE_D}\n{ALL_STORED}"},
        {"pins": f"{THREE_D}\n{ALL_STORED}", "recompute": "full"},
        {"pins": "apply zero.fsdp(net, over: (data, tensor))", "microbatches": "2"},
        {"pins": "apply zero.hsdp(net, shard: tensor, replicate: data)", "microbatches": "2"},
    ],
    ids=["three_d", "full recompute", "fsdp", "hsdp"],
)
def test_a_pinned_spec_costs_what_the_solver_proves(spec: Write, changes: dict[str, str]) -> None:
    read = spec(**changes)
    found = evaluate_pinned(read)
    plan = solve(read, Options(20.0, 1, 0, False), lambda _: None, threading.Event())
    assert plan["outcome"]["plan"] == "optimal"
    assert found.figures.step_time == pytest.approx(plan["step_time_s"], rel=1e-9)
    peaks = [row["peak_bytes"] for row in plan["memory"]]
    assert [m.peak for m in found.figures.memory] == pytest.approx(peaks)


def test_what_no_pin_stores_is_stored_where_it_is_used(spec: Write) -> None:
    """The solver may cut the state of the norms' scales as well, and is a little better for it."""
    read = spec()
    found = evaluate_pinned(read).figures.step_time
    plan = solve(read, Options(20.0, 1, 0, False), lambda _: None, threading.Event())
    assert plan["step_time_s"] < found < 1.001 * plan["step_time_s"]


@pytest.mark.parametrize(
    "pipeline",
    [
        "4 stages one_f_one_b over stage",
        "4 stages gpipe over stage",
        "4 stages zb_h1 over stage",
        "4 stages 2 chunks interleaved over stage",
    ],
)
def test_pipelines_follow_their_family(spec: Write, pipeline: str) -> None:
    read = spec(mesh="stage: 4, data: 2, tensor: 2", pipeline=pipeline, microbatches="8")
    found = evaluate_pinned(read)
    layers = [found.priced.plan.stage_of[f"net.layers[{n}]"] for n in range(8)]
    if "2 chunks" in pipeline:
        assert layers == [0, 1, 2, 3, 0, 1, 2, 3]
    else:
        assert layers == [0, 0, 1, 1, 2, 2, 3, 3]
    assert 0 < found.figures.bubble < 1
    assert [one.rule for one in found.assumptions] == [
        "units without a pin on a stage are dealt out evenly, in order"
    ]


def test_fewer_layers_at_the_ends_where_they_do_not_divide(spec: Write) -> None:
    model = DENSE.replace("layers: 8", "layers: 6")
    read = spec(
        mesh="stage: 4, data: 2, tensor: 2",
        model=model,
        pipeline="4 stages one_f_one_b over stage",
        microbatches="8",
    )
    stage = evaluate_pinned(read).priced.plan.stage_of
    assert [stage[f"net.layers[{n}]"] for n in range(6)] == [0, 1, 1, 2, 2, 3]


def test_pins_on_stages_move_layers(spec: Write) -> None:
    pins = f"{THREE_D}\npin net.layers[2] : on stage 0"
    read = spec(
        mesh="stage: 4, data: 2, tensor: 2",
        pipeline="4 stages one_f_one_b over stage",
        microbatches="8",
        pins=pins,
    )
    found = evaluate_pinned(read)
    assert found.priced.plan.stage_of["net.layers[2]"] == 0
    assert all(bill.satisfied for bill in found.figures.bills)


def test_rows_of_experts_follow_the_tokens(spec: Write) -> None:
    read = spec(
        mesh="data: 2, tensor: 4",
        model=MOE,
        pins="apply data_parallel.data_parallel(net, over: (data, tensor))\n"
        "apply expert.expert_parallel(net.layers[*], over: tensor)",
    )
    found = evaluate_pinned(read)
    cut = dict(found.priced.plan.decisions.operators["net.layers[0].moe.experts.up"].cuts or ())
    assert {index: set(parts) for index, parts in cut.items()} == {
        "e": {"tensor.0", "tensor.1"},
        "c": {"data.0"},
    }
    assert any(call.collective == "all_to_all" for call in found.figures.calls)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"microbatches": "auto"}, "the number of micro-batches"),
        ({"microbatches": "2..4"}, "the number of micro-batches"),
        ({"recompute": "auto"}, "what is recomputed"),
        ({"pipeline": "1..4 stages"}, "the number of stages"),
        ({"mesh": "x: 2, data: 2, tensor: 4", "pipeline": "2 stages one_f_one_b"}, "mesh axes"),
        ({"mesh": "x: 4, data: 2, tensor: 4", "pipeline": "4 stages over x"}, "order of operators"),
        ({"pins": "apply megatron.sequence_parallel(net.*[*], over: tensor)"}, "what `data` cuts"),
        ({"pins": f"{THREE_D}\npin net.norm : b over tensor"}, "which pin"),
    ],
)
def test_what_is_open_is_named(spec: Write, changes: dict[str, str], words: str) -> None:
    assert any(words in decision for decision in opened(spec(**changes)))


def test_everything_open_is_named_at_once(spec: Write) -> None:
    assert len(opened(spec(microbatches="auto", recompute="auto", pipeline="1..4 stages"))) == 3


def _evaluated(spec: Write, **changes: str) -> tuple[Spec, Evaluated]:
    read = spec(**changes)
    return read, evaluate_pinned(read)


@pytest.mark.parametrize("overlap", ["", "\n overlap scheduled", "\n overlap 40 %"])
def test_terms_add_up(spec: Write, overlap: str) -> None:
    _, found = _evaluated(
        spec,
        mesh="stage: 4, data: 2, tensor: 2",
        pipeline="4 stages one_f_one_b over stage",
        microbatches="8",
        recompute=f"none{overlap}",
    )
    terms = time_terms(found)
    assert sum(term.amount for term in terms) == pytest.approx(found.figures.step_time, rel=1e-6)
    assert all(term.amount > 0 for term in terms)
    assumed = {term.name for term in terms if term.known == "assumed"}
    assert bool(assumed) == ("40" in overlap)
    stage = fullest(found)
    held = sum(term.amount for term in memory_terms(found, stage))
    assert held == pytest.approx(found.figures.memory[stage].peak)


def test_document_has_every_term(spec: Write) -> None:
    read, found = _evaluated(spec)
    written = document(found, read)
    assert written["format"] == "mmp-eval/1"
    assert written["step_time_s"] == found.figures.step_time
    assert {term["known"] for term in written["time"]} == {"formula"}
    assert written["fits"]
    assert written["assumptions"] == []


def test_measured_operators_are_measured() -> None:
    examples = Path(__file__).resolve().parents[2] / "examples"
    text = (examples / "measured_pipeline.mmp").read_text()
    assert "recompute auto" in text
    read = load(examples / "measured_pipeline.mmp")
    assert opened(read) == ("what is recomputed (`recompute auto`; say `none` or `full`)",)


def test_it_takes_less_than_a_second(spec: Write) -> None:
    """Of processor time, for a model of the usual size; reading the spec is not counted."""
    read = spec(
        model=DENSE.replace("layers: 8", "layers: 80"),
        mesh="stage: 8, data: 4, tensor: 4",
        microbatches="8",
        pipeline="8 stages 2 chunks interleaved over stage",
    )
    start = time.process_time()
    evaluate_pinned(read)
    assert time.process_time() - start < 3  # a second on an idle core
