"""First specs: every model and every device of the library makes one that passes `mmp check`."""

from __future__ import annotations

from pathlib import Path

import pytest

from dsl.format import format_text
from dsl.load import read
from solver.starting.catalogue import Machine, Preset, machines, presets
from solver.starting.text import Choice, grid, spec_text

MODELS = ("clip_vit_l14_336", "gpt_oss_20b")


def check(model: Preset, machine: Machine, folder: Path) -> None:
    nodes, per_node = grid(4 * (machine.per_node or 8), machine)
    text = spec_text(Choice(model, machine, nodes, per_node, 256, model.seq))
    path = folder / "spec.mmp"
    assert format_text(text, str(path)) == text
    path.write_text(text, encoding="utf-8")
    assert read(path).diagnostics == ()


@pytest.mark.parametrize("name", MODELS)
def test_models(name: str, tmp_path: Path) -> None:
    check(presets()[name], machines()["h100_sxm"], tmp_path)


@pytest.mark.parametrize("name", ["gb200", "v100", "worker"])
def test_devices(name: str, tmp_path: Path) -> None:
    check(presets()["qwen2_5_0_5b"], machines()[name], tmp_path)


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("device", sorted(machines()))
def test_every_model_on_every_device(device: str, tmp_path: Path) -> None:
    for model in presets().values():
        check(model, machines()[device], tmp_path)


def test_the_catalogue_is_the_library() -> None:
    assert presets()["llama3_8b"] == Preset("llama3_8b", "models.llama", 8192)
    assert presets()["clip_vit_l14_336"].seq is None
    assert "llama" not in presets()  # it needs sizes
    assert machines()["gb200"].per_node == 72
    assert machines()["v100"].precision == "fp16"


@pytest.mark.parametrize(("count", "expected"), [(1, (1, 1)), (8, (1, 8)), (24, (3, 8))])
def test_nodes_are_full(count: int, expected: tuple[int, int]) -> None:
    assert grid(count, machines()["h100_sxm"]) == expected


def test_nodes_that_would_not_be_full_are_refused() -> None:
    with pytest.raises(ValueError, match="nodes of 8"):
        grid(12, machines()["h100_sxm"])
