"""Every `invalid/*.mmp` shows one mistake: its place and code are marked in the file, its rendered
diagnostics pinned beside it.

A line `//   ^ MMP302` marks the column in the line above it. Where the mistake shows elsewhere, the
first line says so: `// in with_mesh.mmp:2:3 MMP108` (no name: this file).
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from dsl.codes import CODES as SYNTAX_CODES
from dsl.codes import merge
from dsl.load import LoadError, load, read
from dsl.render import render_all
from dsl.resolve.codes import CODES

HERE = Path(__file__).parent
INVALID = sorted((HERE / "invalid").glob("*.mmp"))
MARK = re.compile(r"//\s*\^ (MMP\d{3})$")
ELSEWHERE = re.compile(r"// in (\S*):(\d+):(\d+) (MMP\d{3})$")


def expected(path: Path) -> tuple[str, int, int, str]:
    """File name, line, column and code that the case marks."""
    lines = path.read_text().splitlines()
    if found := ELSEWHERE.match(lines[0]):
        return found[1] or path.name, int(found[2]), int(found[3]), found[4]
    number = next(n for n, line in enumerate(lines) if MARK.match(line))
    found = MARK.match(lines[number])
    assert found is not None
    return path.name, number, lines[number].index("^") + 1, found[1]


@pytest.mark.parametrize("path", INVALID, ids=lambda p: p.stem)
def test_one_error_in_the_right_place(path: Path, golden, monkeypatch) -> None:
    monkeypatch.chdir(path.parent)
    loaded = read(path.name)
    text = render_all(loaded.diagnostics, loaded.sources.get)
    file, line, column, code = expected(path)
    assert [(d.severity, d.code) for d in loaded.diagnostics] == [("error", code)], text
    span = loaded.diagnostics[0].span
    assert span.file.endswith(file), text
    assert (span.line, span.column) == (line, column), text
    assert loaded.spec is None
    golden(path.with_suffix(".txt"), text + "\n")


def test_every_code_has_a_case_and_a_row() -> None:
    """All but the codes that need a command line or are warnings; those are tested beside."""
    shown = {expected(path)[3] for path in INVALID}
    elsewhere = {"MMP111", "MMP313"}
    assert sorted((shown | elsewhere) - {"MMP005"}) == [row.code for row in CODES]
    assert len(merge(SYNTAX_CODES, CODES)) == len(SYNTAX_CODES) + len(CODES)


def test_load_raises_with_sources() -> None:
    path = HERE / "invalid" / "pin_degree.mmp"
    with pytest.raises(LoadError) as caught:
        load(path)
    assert [d.code for d in caught.value.diagnostics] == ["MMP409"]
    assert caught.value.sources[str(path)] == path.read_text()
