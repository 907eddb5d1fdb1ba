"""The catalogue, the gallery and the files say the same, and read as one hand's work."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from dsl.format import format_text
from dsl.load import load
from dsl.syntax import (
    Device,
    File,
    Kind,
    Language,
    Model,
    Optimizer,
    PhysicsSet,
    Precision,
    Strategy,
)
from dsl.text.parser import parse

ROOT = Path(__file__).resolve().parents[2]
LIBRARY = ROOT / "stdlib"
EXAMPLES = sorted((ROOT / "examples").glob("*.mmp"))
FILES = sorted(LIBRARY.rglob("*.mmp"))
Declaration = Device | Kind | Model | Optimizer | PhysicsSet | Precision | Strategy


def tree(path: Path) -> File:
    """The syntax tree of a file that must be free of errors."""
    file, diagnostics = parse(path.read_text(encoding="utf-8"), str(path))
    assert diagnostics == ()
    return file


def declarations(path: Path) -> list[Declaration]:
    """What a library file declares, in order."""
    return [s for s in tree(path).statements if isinstance(s, Declaration)]


def catalogue() -> dict[str, list[str]]:
    """File of each section of stdlib/README.md -> the names of its rows, in order."""
    found: dict[str, list[str]] = {}
    section = ""
    for line in (LIBRARY / "README.md").read_text(encoding="utf-8").splitlines():
        if heading := re.fullmatch(r"## (\S+\.mmp)", line):
            section = heading[1]
            found[section] = []
        elif row := re.match(r"\| `(\w+)` \|", line):
            found[section].append(row[1])
    return found


def test_catalogue_lists_every_declaration() -> None:
    files = {str(p.relative_to(LIBRARY)): [d.name.text for d in declarations(p)] for p in FILES}
    assert catalogue() == files


def test_catalogue_gives_the_totals_of_the_doc_comments() -> None:
    readme = (LIBRARY / "README.md").read_text(encoding="utf-8")
    in_table = dict(re.findall(r"\| `(\w+)` \| ([\d,]{9,}) \|", readme))
    in_docs = {}
    for path in FILES:
        for declaration in declarations(path):
            if total := re.search(r"([\d,]{9,})\s+parameters", declaration.doc):
                in_docs[declaration.name.text] = total[1]
    assert len(in_docs) >= 20
    assert in_table == in_docs


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.stem)
def test_library_file_is_documented(path: Path) -> None:
    file = tree(path)
    assert isinstance(file.statements[0], Language)
    assert path.read_text(encoding="utf-8").startswith("// ")
    for declaration in declarations(path):
        assert declaration.doc.strip().endswith("."), declaration.name.text


@pytest.mark.parametrize("path", [*FILES, *EXAMPLES], ids=lambda p: p.stem)
def test_file_is_in_the_one_style(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert format_text(text, str(path)) == text
    assert max(len(line) for line in text.splitlines()) <= 120


REAL_DEVICES = [LIBRARY / "hardware" / f"{maker}.mmp" for maker in ("amd", "huawei", "nvidia")]


@pytest.mark.parametrize("path", REAL_DEVICES, ids=lambda p: p.stem)
def test_every_hardware_figure_has_a_source(path: Path) -> None:
    lines = path.read_text(encoding="utf-8").splitlines()
    figures = [
        n for n, line in enumerate(lines) if re.match(r" +(compute|memory|launch|link) ", line)
    ]
    assert figures
    # A source stands behind the figure, or above it where the line is long.
    shown = [lines[n] if "//" in lines[n] else lines[n - 1] for n in figures]
    assert [s for s in shown if not re.search(r"//.*(\[\w+\]|assumed|as )", s)] == []


def test_gallery_lists_every_example() -> None:
    readme = (ROOT / "examples" / "README.md").read_text(encoding="utf-8")
    listed = re.findall(r"\*\*\[(\S+)\]\((\S+)\)\*\*", readme)
    assert sorted(name for name, _ in listed) == [p.name for p in EXAMPLES]
    assert all(name == link for name, link in listed)


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda p: p.stem)
def test_example_resolves(path: Path) -> None:
    spec = load(path)
    assert spec.graph.units
    assert spec.objective == ("step_time",)


def test_measured_pipeline_is_the_published_case() -> None:
    spec = load(ROOT / "examples" / "measured_pipeline.mmp")
    variants = {op.name: op.variants[0] for op in spec.graph.operators}
    assert len(variants) == 98
    layer = variants[spec.graph.operators[1].name]
    times = (layer.forward, layer.input_grad, layer.weight_grad, layer.recompute_forward)
    assert times == pytest.approx((180e-6, 360e-6, 0.0, 180e-6))
    mebibytes = (layer.static_bytes, layer.saved_bytes, layer.recompute_saved_bytes)
    assert mebibytes == tuple(n * 2**20 for n in (1583, 826, 32))
    assert not layer.split_backward
    assert spec.mesh.devices == spec.train.pipeline.low == spec.train.pipeline.high == 16
    assert spec.train.microbatches == (16, 16)
    assert (spec.train.transfer, spec.train.pipeline.family) == (0.0, "one_f_one_b")
    assert spec.limits[0].value == 53000 * 2**20


def test_zero_bubble_example_has_a_split_backward() -> None:
    spec = load(ROOT / "examples" / "measured_zero_bubble.mmp")
    assert len(spec.graph.units) == 8
    chunk = spec.graph.operators[0].variants[0]
    assert (chunk.forward, chunk.input_grad, chunk.weight_grad) == pytest.approx(
        (36e-6, 59e-6, 35e-6)
    )
    assert chunk.split_backward
    assert (chunk.saved_bytes, chunk.released_by_input_grad) == (2**30, 2**29)


def test_price_of_the_soft_pin_is_a_parameter() -> None:
    path = ROOT / "examples" / "soft_pin.mmp"
    assert [p.weight for p in load(path).pins] == [pytest.approx(1e-3)]
    assert [p.weight for p in load(path, {"price": "1 s"}).pins] == [pytest.approx(1.0)]


def test_library_reads_the_same_under_its_own_name() -> None:
    spec = load(ROOT / "examples" / "llama3_8b.mmp")
    shown = {op.span.file for op in spec.graph.operators}
    assert shown == {"stdlib:models/llama.mmp", "stdlib:models/layers.mmp"}
