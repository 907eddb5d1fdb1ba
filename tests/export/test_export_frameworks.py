"""What every framework gets of every case: the files as they are, or all that it cannot express."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from pathlib import Path

import pytest

from dsl.diagnostic import DiagnosticError
from tests.export.saved_cases import CASES, NAMES, saved, with_mesh

TARGETS = ("deepspeed", "jax", "megatron", "mindspore", "torchtitan")
PINNED = [
    ("deepspeed", "ulysses"),
    ("deepspeed", "zero1"),
    ("jax", "moe"),
    ("jax", "vee"),
    ("megatron", "fsdp_tp"),
    ("megatron", "gpt"),
    ("megatron", "interleaved"),
    ("megatron", "moe"),
    ("megatron", "three_d"),
    ("megatron", "ulysses"),
    ("mindspore", "moe"),
    ("mindspore", "zero1"),
    ("torchtitan", "fsdp_tp"),
    ("torchtitan", "hybrid"),
    ("torchtitan", "vee"),
]


def files(target: str, name: str) -> dict[str, str]:
    return dict(importlib.import_module(f"solver.export.{target}").export(saved(name)))


@pytest.mark.parametrize(("target", "name"), PINNED)
def test_files(target: str, name: str, golden: Callable[[Path, str], None]) -> None:
    text = "".join(f"== {file}\n{text}" for file, text in files(target, name).items())
    golden(CASES / "files" / f"{name}.{target}.txt", text)


@pytest.mark.parametrize("target", TARGETS)
def test_what_is_refused(target: str, golden: Callable[[Path, str], None]) -> None:
    """Per case everything that is in the way, with its line of the plan; or nothing."""
    lines = []
    for name in NAMES:
        try:
            lines.append(f"{name}: {', '.join(files(target, name))}\n")
        except DiagnosticError as error:
            lines += [f"{d.span}: {d.code}: {d.message}\n" for d in error.diagnostics]
            lines += [f"  help: {d.help}\n" for d in error.diagnostics if d.help]
    golden(CASES / "refused" / f"{target}.txt", "".join(lines))


@pytest.mark.parametrize("name", NAMES)
def test_jax_and_perfetto_take_every_case(name: str) -> None:
    assert list(files("jax", name)) == ["shardings.py"]
    assert list(files("perfetto", name)) == ["trace.json"]


def test_stages_inside_data_parallelism_have_a_flag(tmp_path: Path) -> None:
    plan = with_mesh("three_d", "data: 2, stage: 2, tensor: 2", tmp_path)
    flags = dict(importlib.import_module("solver.export.megatron").export(plan))
    plain = files("megatron", "three_d")["parallelism.flags"].splitlines()
    added = [x for x in flags["parallelism.flags"].splitlines() if x not in plain]
    assert added == ["--use-tp-pp-dp-mapping"]


@pytest.mark.parametrize("name", NAMES)
def test_modules_are_python(name: str) -> None:
    compile(files("jax", name)["shardings.py"], "shardings.py", "exec")
