"""Renaming: what comes out means the same, and what would not is refused."""

from __future__ import annotations

from pathlib import Path

import pytest
from editing import place, read

from dsl.editor.analysis import Analysis
from dsl.editor.rename import RefusedError, apply, check, rename

BASE = (Path(__file__).parent / "base.mmp").resolve()
SOURCE = BASE.read_text(encoding="utf-8")
LIBRARY = """\
language 1

/// A layer.
model layer(batch: int, size: int) {
  batch index b = batch
  index d = size
  input x[b, d]
  up[b, d] = gelu(x)
}
"""
USER = """\
language 1
import "./library.mmp" (layer as ours)
import hardware.nvidia (h100_sxm)

mesh pod = h100_sxm[gpu: 2]

model net = ours(batch: 2, size: 4)

pin net.up : d over gpu
"""


@pytest.fixture(scope="module")
def base() -> Analysis:
    return read(BASE, SOURCE)


def renamed(analysis: Analysis, line: int, column: int, new: str) -> str:
    found = check(analysis.at(line, column))
    texts = {str(Path(analysis.path).resolve()): analysis.source.encode()}
    edits = rename([analysis], found, analysis, new, texts)
    return apply(analysis.source, edits[analysis.path])


def change_and_change_back(base: Analysis, name: str) -> None:
    assert base.seen is not None
    found = next(o for o in base.seen.occurrences if o.definition.name == name)
    span = found.definition.span
    after = read(BASE, renamed(base, span.line, span.column, "other_name"))
    assert after.diagnostics == ()
    assert after.source.count("other_name") == len(base.of(found.definition)) > 1
    assert renamed(after, span.line, span.column, name) == SOURCE


@pytest.mark.parametrize("name", ["down", "gpu", "net", "width"])
def test_names_can_be_changed_and_changed_back(base: Analysis, name: str) -> None:
    change_and_change_back(base, name)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["price", "half", "lab", "batch", "d", "x", "layers", "middle"])
def test_more_names_can_be_changed_and_changed_back(base: Analysis, name: str) -> None:
    change_and_change_back(base, name)


@pytest.mark.parametrize(
    ("at", "new", "message"),
    [
        ("param pri‸ce", "half", "is defined twice"),
        ("param pri‸ce", "2nd", "is no name"),
        ("param pri‸ce", "", "is no name"),
        ("language‸ 1", "x", "there is no name here"),
        ("(h100_s‸xm)", "x", "belongs to `stdlib:hardware/nvidia.mmp`"),
        ("as mega‸tron", "x", "named after their files"),
        ("  index ‸d = width", "b", "would not do"),
        ("f‸ = 4 * width", "x", "would not do"),  # the strategy names it
        ("    block m‸lp", "x", "would"),
        ("mesh pod = l‸ab", "h100_sxm", "is defined twice"),
    ],
)
def test_what_would_break_is_refused(base: Analysis, at: str, new: str, message: str) -> None:
    marked = SOURCE.replace(at.replace("‸", ""), at, 1)
    _, line, column = place(marked)
    with pytest.raises(RefusedError, match=message):
        renamed(base, line, column, new)


def test_a_name_of_two_files(tmp_path: Path) -> None:
    library, user = tmp_path / "library.mmp", tmp_path / "user.mmp"
    library.write_text(LIBRARY, encoding="utf-8")
    user.write_text(USER, encoding="utf-8")
    texts = {str(p.resolve()): p.read_bytes() for p in (library, user)}
    of_library, of_user = read(library, LIBRARY), read(user, USER)
    assert of_user.diagnostics == ()
    files = [of_library, of_user]

    index = check(of_library.at(6, 9))
    edits = rename(files, index, of_library, "width", texts)
    assert {path: len(found) for path, found in edits.items()} == {
        str(library): 3,
        str(user): 1,
    }
    assert "pin net.up : width over gpu" in apply(USER, edits[str(user)])

    model = check(of_library.at(4, 7))
    edits = rename(files, model, of_library, "block_of_ours", texts)
    assert "(block_of_ours as ours)" in apply(USER, edits[str(user)])

    alias = check(of_user.at(7, 13))
    edits = rename(files, alias, of_user, "theirs", texts)
    assert list(edits) == [str(user)]
    assert "(layer as theirs)" in apply(USER, edits[str(user)])
