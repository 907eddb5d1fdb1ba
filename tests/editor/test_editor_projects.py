"""Completion and definitions in libraries of a project."""

from __future__ import annotations

from pathlib import Path

import pytest
from editing import CURSOR, place, read

from dsl.editor.completion import complete
from solver.cli.main import main

OURS = """\
language 1

/// What a step may cost.
let price = 2 ms
"""
SPEC = """\
language 1
import ours.prices.all (price)

let half = price / 2
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    library = tmp_path / "library" / "prices"
    library.mkdir(parents=True)
    (library / "all.mmp").write_text(OURS, encoding="utf-8")
    (tmp_path / "beside.mmp").write_text(OURS, encoding="utf-8")
    spec = tmp_path / "work" / "spec.mmp"
    spec.parent.mkdir()
    manifest = '[libraries]\nours = { path = "../library" }\n'
    (spec.parent / "mmp.toml").write_text(manifest, encoding="utf-8")
    spec.write_text(SPEC, encoding="utf-8")
    monkeypatch.chdir(spec.parent)
    assert main(["lock"]) == 0
    return spec


def offered(spec: Path, typed: str) -> list[str]:
    analysis = read(spec, SPEC)
    assert analysis.diagnostics == ()
    text, line, column = place(f"{SPEC}{typed}{CURSOR}")
    return [item.label for item in complete(analysis, text, line, column)]


def test_modules_of_libraries(project: Path) -> None:
    assert {"ours", "hardware"} <= set(offered(project, "import "))
    assert offered(project, "import ours.") == ["prices"]
    assert offered(project, "import ours.prices.") == ["all"]
    assert offered(project, "import ours.prices.all (") == ["price"]
    assert offered(project, 'import "../beside.mmp" (') == ["price"]
    assert offered(project, "import theirs.prices (") == []


def test_definitions_in_libraries(project: Path) -> None:
    analysis = read(project, SPEC)
    found = analysis.at(4, 12)
    assert found is not None
    assert found.definition.place.key() == str(project.parent.parent / "library/prices/all.mmp")
    assert found.definition.doc == "What a step may cost."
