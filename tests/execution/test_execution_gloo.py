"""Four real processes: plans train as on one device, and what is wrong in a run is caught.

Slow: every process imports torch. `pytest -m slow -n 0 tests/execution`.
"""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from dsl.diagnostic import DiagnosticError
from solver.execution import gloo
from solver.execution.gloo import check, judge, kept_axes, run_package, small_program, write_package
from solver.execution.orders import pipeline
from solver.export.torch.package import export
from solver.reference.runtime.program import PARTIAL, WHOLE, Program
from tests.execution.saved import NAMES, saved

MUTATED = "tests.execution.mutated_worker"


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_plans_train_as_on_one_device(name: str) -> None:
    outcome = check(saved(name))
    assert outcome.violations == ()
    assert "loss and gradients are those of one device" in outcome.lines[0]


def _run(program: Program, folder: Path, mutation: str = "") -> tuple[str, ...]:
    """The codes of what is found in a run."""
    write_package(program, folder)
    (folder / "mutation").write_text(mutation)
    return tuple({v.code for v in judge(program, run_package(program, folder, MUTATED)).violations})


def _program(name: str) -> Program:
    return small_program(saved(name), pipeline(saved(name)))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "mutation"), [("ulysses", "swap"), ("v_shaped", "swap"), ("v_four", "defer")]
)
def test_messages_out_of_order_are_caught(name: str, mutation: str, tmp_path: Path) -> None:
    assert "run-gradient" in _run(_program(name), tmp_path, mutation)


@pytest.mark.slow
def test_any_map_of_chunks_to_stages_runs(tmp_path: Path) -> None:
    """Neither a loop nor a V: the first two chunks and the last one on one stage."""
    program = _program("v_shaped")
    chunks = tuple(
        replace(chunk, stage=stage)
        for chunk, stage in zip(program.chunks, (0, 0, 1, 0), strict=True)
    )
    count = range(program.microbatches)
    one = [f"{c}F{m}" for m in count for c in (0, 1)] + [f"3{p}{m}" for m in count for p in "FB"]
    one += [f"{c}B{m}" for m in count for c in (1, 0)]
    other = [f"2F{m}" for m in count] + [f"2B{m}" for m in count]
    irregular = replace(program, chunks=chunks, schedule=(tuple(one), tuple(other)))
    assert _run(irregular, tmp_path) == ()


@pytest.mark.slow
def test_an_order_that_hangs_is_caught(tmp_path: Path) -> None:
    """The runtime refuses what it cannot lower."""
    program = _program("ulysses")
    first, last = program.schedule
    hanging = replace(program, schedule=(first, (last[1], last[0], *last[2:])))
    assert _run(hanging, tmp_path) == ("run-failed",)


@pytest.mark.slow
def test_a_missing_gradient_reduction_is_caught(tmp_path: Path) -> None:
    program = _program("ulysses")
    name = "net.layers[0].attn.q"
    weight, operator = program.weights[f"{name}.w"], program.operators[name]
    assert weight.summed
    reads = (operator.reads[0], replace(operator.reads[1], gradient=operator.reads[1].layout))
    tampered = replace(
        program,
        weights=program.weights | {weight.name: replace(weight, summed=())},
        operators=program.operators | {name: replace(operator, reads=reads)},
    )
    assert _run(tampered, tmp_path) == ("run-gradient",)


@pytest.mark.slow
def test_a_wrong_placement_is_caught(tmp_path: Path) -> None:
    program = _program("megatron")
    name = "net.layers[0].mlp.down"
    operator = program.operators[name]
    (port,) = operator.writes
    assert PARTIAL in port.layout
    whole = tuple(WHOLE if at == PARTIAL else at for at in port.layout)
    wrong = replace(operator, writes=(replace(port, layout=whole),))
    tampered = replace(program, operators=program.operators | {name: wrong})
    assert "run-gradient" in _run(tampered, tmp_path)


@pytest.mark.slow
def test_an_exported_package_trains(tmp_path: Path) -> None:
    """At true size, under torchrun, without `mmp`: the loss falls."""
    for name, text in export(saved("ulysses")).items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    command = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "4"]
    command += [str(tmp_path / "train.py"), "--device", "cpu", "--steps", "3"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=280)
    assert done.returncode == 0, done.stderr
    losses = [float(line.split()[-1]) for line in done.stdout.splitlines()]
    assert len(losses) == 3
    assert losses == sorted(losses, reverse=True)


def test_more_stages_than_processes_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gloo, "PROCESSES", 1)
    with pytest.raises(DiagnosticError) as raised:
        _program("ulysses")
    assert [found.code for found in raised.value.diagnostics] == ["MMP741"]


def test_without_torch_there_are_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    with pytest.raises(DiagnosticError) as raised:
        check(saved("ulysses"))
    assert [found.code for found in raised.value.diagnostics] == ["MMP740"]


def test_axes_that_cut_most_are_kept() -> None:
    assert kept_axes(saved("megatron"), 4) == (0, 1)
    assert kept_axes(saved("megatron"), 1) == ()
    assert kept_axes(saved("ulysses"), 2) == (0,)
