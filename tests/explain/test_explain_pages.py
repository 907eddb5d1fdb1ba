"""Every diagnostic has a page; its example gives exactly it, as shown, and its changes mend it."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Callable
from pathlib import Path

import pytest
from _pytest.mark import ParameterSet

from dsl.codes import Code, merge
from solver.cli.exit_codes import ExitCode
from solver.cli.main import main
from solver.cli.report.conflict import CONFLICT
from solver.explain.pages import FOLDERS, codes, page
from tests.explain import paging

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted(path for folder in FOLDERS for path in folder.glob("*.md"))
MENDED = [path for path in PAGES if paging.parse(path.read_text(encoding="utf-8")).is_mended]
WITHOUT_TORCH = "MMP740"
SEARCHING = ("MMP501", "MMP73", "MMP74", "MMP78")  # codes whose examples run for seconds
MANY = "MMP021"  # comes after twenty other findings, which its page leaves out


def _some_slow(paths: list[Path]) -> list[ParameterSet]:
    slow = pytest.mark.slow
    return [
        pytest.param(path, marks=slow if path.stem.startswith(SEARCHING) else (), id=path.stem)
        for path in paths
    ]


def _tables() -> dict[str, Code]:
    """Every row of every table of codes."""
    found = [path for top in ("dsl", "solver") for path in (ROOT / top).rglob("codes.py")]
    names = [".".join(path.relative_to(ROOT).with_suffix("").parts) for path in sorted(found)]
    tables: list[tuple[Code, ...]] = [importlib.import_module(name).CODES for name in names]
    return merge(*tables, (CONFLICT,))


def test_every_code_has_a_page_under_its_title() -> None:
    rows = _tables()
    assert sorted(rows) == list(codes())
    heads = {code: page(code).splitlines()[0] for code in codes()}
    assert heads == {code: f"# {code}: {row.title}" for code, row in rows.items()}


@pytest.mark.parametrize("path", _some_slow(PAGES))
def test_the_example_gives_exactly_this(
    path: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    golden: Callable[[Path, str], None],
) -> None:
    monkeypatch.chdir(tmp_path)
    if path.stem == WITHOUT_TORCH:
        find = importlib.util.find_spec
        monkeypatch.setattr(
            importlib.util, "find_spec", lambda name: None if name == "torch" else find(name)
        )
    text = path.read_text(encoding="utf-8")
    read = paging.parse(text)
    paging.write(read.files, tmp_path)
    found, shown = paging.findings(read, tmp_path)
    if path.stem == MANY:
        found, shown = found[-1:], "...\n\n" + shown.split("\n\n")[-1]
    assert found == [path.stem], shown
    golden(path, text.replace(f"```text\n{read.shown}```", f"```text\n{shown}```"))


@pytest.mark.parametrize("path", MENDED, ids=lambda path: path.stem)
def test_what_it_says_mends_it(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    read = paging.parse(path.read_text(encoding="utf-8"))
    paging.write({**read.files, **read.mended}, tmp_path)
    found, shown = paging.looked_at(tmp_path / read.main)
    assert not found, shown


def test_every_page_says_how_to_mend_it() -> None:
    heads = ("\n## Example\n", "\nIt gives\n", "\n## How to mend it\n")
    assert [path.stem for path in PAGES if any(h not in path.read_text() for h in heads)] == []
    assert len(MENDED) > 80


def test_the_command_prints_a_page(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "mmp012"]) == ExitCode.DONE
    assert capsys.readouterr().out == page("MMP012")
    assert main(["explain", "MMP998"]) == ExitCode.USAGE
    assert "mmp: there is no diagnostic MMP998" in capsys.readouterr().err
