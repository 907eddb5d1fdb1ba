"""Models read from PyTorch modules: what is written resolves, and counts as the module does."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import pytest

from dsl.load import load
from dsl.render import render_all
from dsl.spec import Spec, Tensor
from solver.cli.main import main
from solver.importing.torch.codes import CODES
from solver.importing.torch.library import TraceError, library

HERE = Path(__file__).parent
MODELS = ("gpt", "llama", "perceptron", "titan")
REFUSED = (
    "cut", "decides", "fails", "gate", "module", "nothing", "pair", "ragged", "running", "side",
    "spare", "absent",
)  # fmt: skip
SPEC = """\
import "./library.mmp" ({name})
import hardware.abstract (worker)
mesh pod = worker[gpu: 2]
model net = {name}()
"""


@pytest.fixture(autouse=True)
def _in_modules(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(HERE / "modules")


def resolved(text: str, name: str, folder: Path) -> Spec:
    (folder / "library.mmp").write_text(text)
    (folder / "spec.mmp").write_text(SPEC.format(name=name))
    return load(folder / "spec.mmp")


def flops(spec: Spec) -> float:
    """Of one forward of the whole example."""
    sizes = ({index.name: index.size for index in op.indices} for op in spec.graph.operators)
    operators = zip(spec.graph.operators, sizes, strict=True)
    return sum(op.forward_flops.evaluate(local) for op, local in operators)


def parameters(spec: Spec) -> list[Tensor]:
    return [tensor for tensor in spec.graph.tensors.values() if tensor.role == "parameter"]


@pytest.mark.parametrize("name", MODELS)
def test_written(name: str, golden: Callable[[Path, str], None]) -> None:
    text = library(f"decoders.py:{name}", name).text
    golden(HERE / "modules" / f"{name}.mmp", text)


@pytest.mark.parametrize("name", REFUSED)
def test_refused(name: str, golden: Callable[[Path, str], None]) -> None:
    with pytest.raises(TraceError) as caught:
        library(f"refused.py:{name}", name)
    error = caught.value
    rendered = render_all(error.diagnostics, error.sources.get).replace(f"{Path.cwd()}/", "")
    golden(HERE / "modules" / f"{name}.txt", rendered + "\n")


def test_every_code_is_shown() -> None:
    shown = {path.read_text()[6:12] for path in (HERE / "modules").glob("*.txt")}
    assert shown == {code.code for code in CODES}


def test_counts_agree_with_closed_forms(tmp_path: Path) -> None:
    spec = resolved((HERE / "modules" / "llama.mmp").read_text(), "llama", tmp_path)
    per_layer = 2 * 64 * 64 + 2 * 64 * 32 + 3 * 64 * 96
    elements = [math.prod(i.size for i in t.dims) for t in parameters(spec)]
    assert sum(elements) == 2 * 512 * 64 + 64 + 3 * (per_layer + 2 * 64)
    products = 2 * 64 * (3 * per_layer + 64 * 512)
    assert flops(spec) == products + 3 * 2 * 64 * 32 * 64


@pytest.mark.slow
def test_llama_3_at_true_size(tmp_path: Path) -> None:
    imported = library("decoders.py:llama3_8b", "llama3_8b")
    assert imported.parameters == 8_030_261_248
    own = flops(resolved(imported.text, "llama3_8b", tmp_path))
    (tmp_path / "stdlib.mmp").write_text(
        "import models.llama (llama3_8b)\nimport hardware.abstract (worker)\n"
        "mesh pod = worker[gpu: 2]\nmodel net = llama3_8b(batch: 1)\n"
    )
    assert own == pytest.approx(flops(load(tmp_path / "stdlib.mmp")), rel=1e-4)


def test_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "small.mmp"
    assert main(["import", "torch", "decoders.py:llama", "-o", str(path), "--name", "small"]) == 0
    assert "model small(" in path.read_text()
    assert main(["import", "torch", "decoders"]) == 1
    assert "MMP780" in capsys.readouterr().err
