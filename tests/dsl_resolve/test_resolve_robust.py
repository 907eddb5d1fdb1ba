"""Files that cannot be read, trees at the limits of depth, libraries, warnings, speed."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from dsl.diagnostic import DiagnosticError
from dsl.load import check, load, read
from dsl.text.parser import MAX_BRACES, MAX_BRACKETS, MAX_OPERATORS

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
MLP = '"' + str(HERE / "lib" / "mlp.mmp") + '"'


def codes(path: Path | str) -> list[str]:
    return [found.code for found in check(path)]


# ---- files ---------------------------------------------------------------------------------


def test_missing_file() -> None:
    (found,) = check("no/such/spec.mmp")
    assert (found.code, found.span.file) == ("MMP120", "no/such/spec.mmp")
    assert "No such file" in found.message


def test_folder() -> None:
    (found,) = check(HERE)
    assert found.code == "MMP120"
    assert "directory" in found.message


@pytest.mark.parametrize("path", ["a\0b.mmp", "x" * 5000 + ".mmp"])
def test_impossible_path(path: str) -> None:
    assert codes(path) == ["MMP120"]


def test_import_of_an_impossible_path(tmp_path: Path) -> None:
    path = tmp_path / "a.mmp"
    path.write_text(f'import "{"x" * 5000}.mmp" as x\n')
    assert codes(path) == ["MMP120"]


def test_symbolic_link_to_itself(tmp_path: Path) -> None:
    (tmp_path / "a.mmp").symlink_to(tmp_path / "a.mmp")
    assert codes(tmp_path / "a.mmp") == ["MMP120"]


def test_empty_file(tmp_path: Path) -> None:
    path = tmp_path / "a.mmp"
    path.write_text("")
    assert check(path) == ()
    with pytest.raises(DiagnosticError) as caught:
        load(path)
    assert [found.code for found in caught.value.diagnostics] == ["MMP401", "MMP402"]


def test_one_file_under_two_paths_is_loaded_once(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "a.mmp").write_text("let a = 1\n")
    (tmp_path / "b.mmp").write_text(
        'import "a.mmp" as one\nimport "sub/../a.mmp" as two\nlet c = one.a + two.a\n'
    )
    loaded = read(tmp_path / "b.mmp")
    assert loaded.diagnostics == ()
    assert len([path for path in loaded.sources if path.endswith("a.mmp")]) == 1


def test_syntax_errors_of_all_files_and_no_others(tmp_path: Path) -> None:
    """Where statements are missing from the tree, names that they would define are not missed."""
    (tmp_path / "lib.mmp").write_text("let a =\nlet b = 1\n")
    (tmp_path / "main.mmp").write_text('import "lib.mmp" (a)\nlet c = a + d\nmesh = 4\n')
    found = check(tmp_path / "main.mmp")
    assert [Path(d.span.file).name for d in found] == ["main.mmp", "lib.mmp"]
    assert all(d.code.startswith("MMP0") for d in found)


def test_sources_are_hashed() -> None:
    spec = load(HERE / "valid" / "mesh.mmp")
    paths = [source.path for source in spec.sources]
    assert paths[:2] == ["stdlib:operators.mmp", "stdlib:training.mmp"]
    assert str(HERE / "lib" / "mlp.mmp") in paths
    assert all(len(source.sha256) == 64 for source in spec.sources)


# ---- depth and size ------------------------------------------------------------------------


def nested(open_: str, inner: str, close: str, depth: int) -> str:
    return open_ * depth + inner + close * depth


def test_deepest_expressions(tmp_path: Path) -> None:
    path = tmp_path / "deep.mmp"
    path.write_text(
        f"let sum = {' + '.join(['1'] * (MAX_OPERATORS + 1))}\n"
        f"let calls = {nested('ceil(', '1', ')', MAX_BRACKETS)}\n"
        f"let both = {nested('ceil(1 + ', '1', ')', MAX_BRACKETS)}\n"
    )
    assert check(path) == ()


def test_deepest_blocks(tmp_path: Path) -> None:
    path = tmp_path / "deep.mmp"
    depth = MAX_BRACES - 1
    blocks = nested("block a { if true {\n", "y[b] = gelu(x)\n", "} }", depth // 2)
    path.write_text(
        "import hardware.nvidia (h100_sxm)\n"
        f"model m(batch: int) {{\n batch index b = batch\n input x[b]\n{blocks}\n}}\n"
        "mesh pod = h100_sxm[gpu: 2]\nmodel net = m(batch: 2)\n"
    )
    spec = load(path)
    assert spec.graph.operators[0].name == "net" + ".a" * (depth // 2) + ".y"


def test_models_inside_each_other_without_end(tmp_path: Path) -> None:
    path = tmp_path / "deep.mmp"
    inner = nested("block a { if true {\n", "block c = m(batch: batch)\n", "} }", 40)
    path.write_text(
        "import hardware.nvidia (h100_sxm)\n"
        f"model m(batch: int) {{\n batch index b = batch\n input x[b]\n{inner}\n}}\n"
        "mesh pod = h100_sxm[gpu: 2]\nmodel net = m(batch: 2)\n"
    )
    assert codes(path) == ["MMP113"]


def test_nested_repeats_without_measure(tmp_path: Path) -> None:
    path = tmp_path / "wide.mmp"
    repeats = "".join(f"repeat 1000 as r{n} {{" for n in range(5)) + "}" * 5
    path.write_text(
        "import hardware.nvidia (h100_sxm)\n"
        f"model m(batch: int) {{ {repeats} }}\n"
        "mesh pod = h100_sxm[gpu: 2]\nmodel net = m(batch: 2)\n"
    )
    start = time.process_time()
    assert codes(path) == ["MMP206"]
    assert time.process_time() - start < 5


@pytest.mark.parametrize(
    ("module", "model", "seconds"),
    [
        ("llama", "llama3_8b", 0.6),
        ("llama", "llama3_405b", 1.0),
        ("deepseek", "deepseek_v3", 1.0),
    ],
)
def test_large_models_resolve_fast(tmp_path: Path, module: str, model: str, seconds: float) -> None:
    """CPU time, twice what a quiet machine of two cores takes at its slowest."""
    path = tmp_path / "large.mmp"
    path.write_text(
        f"import hardware.nvidia (h100_sxm)\nimport models.{module} ({model})\n"
        f"mesh pod = h100_sxm[node: 4, gpu: 8]\nmodel net = {model}(batch: 256)\n"
    )
    load(path)
    start = time.process_time()
    load(path)
    assert time.process_time() - start < seconds


# ---- libraries, warnings, several errors ---------------------------------------------------


@pytest.mark.parametrize("path", sorted((ROOT / "stdlib").rglob("*.mmp")), ids=lambda p: p.stem)
def test_library_files_check(path: Path) -> None:
    assert check(path) == ()


def test_library_mistakes_are_found_before_use(tmp_path: Path) -> None:
    path = tmp_path / "lib.mmp"
    path.write_text(
        "model m(batch: itn, batch: int) {\n"
        "  if batch > 2 { y = gelo(x) } else { block z = n(width: 4) }\n"
        "  block w { input x[b] : fp23 }\n"
        "}\n"
        "model n(size: int) = m(width: size)\n"
        "strategy s(layers: path) { apply t(layers) apply s(over: layers) }\n"
    )
    assert codes(path) == [
        "MMP207",
        "MMP102",
        "MMP101",
        "MMP208",
        "MMP314",
        "MMP208",
        "MMP101",
        "MMP208",
    ]


def test_unused_result_is_a_warning(tmp_path: Path) -> None:
    path = tmp_path / "warn.mmp"
    path.write_text(
        "import hardware.nvidia (h100_sxm)\n"
        "model m(batch: int) {\n"
        "  batch index b = batch\n  input x[b]\n"
        "  repeat 3 as layers { y[b] = gelu(x) }\n"
        "  z[b] = gelu(x)\n"
        "  output z\n}\n"
        "mesh pod = h100_sxm[gpu: 2]\nmodel net = m(batch: 2)\n"
    )
    loaded = read(path)
    assert loaded.spec is not None
    assert not loaded.has_errors
    assert [(d.severity, d.code, d.span.line) for d in loaded.diagnostics] == [
        ("warning", "MMP313", 5)
    ]
    assert load(path).graph.outputs == ("net.z",)


def test_several_mistakes_in_one_go(tmp_path: Path) -> None:
    """Independent mistakes are all reported, and none of them twice or with consequences."""
    path = tmp_path / "several.mmp"
    path.write_text(
        f"import hardware.nvidia (h100_sxm)\nimport {MLP} (mlp)\n"
        "mesh pod = h100_sxm[gpu: 8]\n"
        "model net = mlp(batch: 64, width: 256, hidden: widht)\n"
        "train { optimizer adamv overlap 3 ms }\n"
        "limit memory <= 3 s\n"
        "pin net.layers[*].nothing : f over gup weight 3 B\n"
        "minimize step_time\n"
    )
    assert [(d.code, d.span.line) for d in check(path)] == [
        ("MMP101", 4),
        ("MMP101", 5),
        ("MMP202", 5),
        ("MMP202", 6),
        ("MMP202", 7),
    ]
