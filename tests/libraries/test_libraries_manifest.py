"""Where `mmp.toml` is found, and where in it a library stands, in every way that TOML has."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from playing import Playground

from dsl.diagnostic import DiagnosticError
from dsl.project.manifest import read_manifest
from dsl.project.project import find_manifest

PLACES = {
    '[libraries]\nacme = { path = "x" }\n': (2, 1),
    '[libraries]\r\n  "acme" = {path="x"}\r\n': (2, 4),
    '[libraries.acme]\npath = "x"\n': (1, 12),
    '# acme\n[ libraries . "acme" ]\npath = "x"\n': (2, 16),
    '[libraries]\nacme.path = "x"\n': (2, 1),
    'libraries.acme.path = "x"\n': (1, 11),
    'libraries = { acme = { path = "x" } }\n': (1, 15),
    '[libraries]\nb = { git = "https://acme.org/acme", rev = "v" }\nacme.path = "x"\n': (3, 1),
}


@pytest.mark.parametrize(("text", "place"), PLACES.items())
def test_where_a_library_stands(text: str, place: tuple[int, int]) -> None:
    found = read_manifest(text.encode(), "mmp.toml").requirement("acme")
    assert found is not None
    assert found.path == "x"
    assert (found.span.line, found.span.column) == place
    assert found.span.end_column == place[1] + len("acme")


def test_bytes_that_are_no_text() -> None:
    assert read_manifest(b"\xef\xbb\xbf[libraries]\n", "mmp.toml").requirements == ()
    with pytest.raises(DiagnosticError, match=r"MMP720: byte 2 is not UTF-8 text"):
        read_manifest(b"# \xff\n", "mmp.toml")


@given(st.text(max_size=80) | st.from_regex(r"\[libraries\]\n[\w.]{1,4} ?= ?[{}\w\"= ,]{0,20}"))
def test_no_text_is_a_bug(text: str) -> None:
    try:
        read_manifest(text.encode(), "mmp.toml")
    except DiagnosticError as error:
        codes = {found.code for found in error.diagnostics}
    else:
        codes = {"MMP720"}
    assert codes == {"MMP720"}


def test_the_nearest_one_counts(ground: Playground) -> None:
    ground.write({"mmp.toml": "", "inner/mmp.toml": "", "inner/deep/spec.mmp": "", "else/a": ""})
    for start, found in ((".", "mmp.toml"), ("inner/deep", "inner/mmp.toml"), ("else", "mmp.toml")):
        assert find_manifest(Path(start)) == Path(found)
    ground.enter("inner/deep")
    assert find_manifest(Path()) == Path("../mmp.toml")
    whole = ground.folder / "inner"
    assert find_manifest(whole / "deep") == whole / "mmp.toml"


def test_a_file_imported_by_its_path_too_is_still_compared(ground: Playground) -> None:
    ground.write(
        {
            "ours/prices.mmp": "let dear = 3 ms\n",
            "project/mmp.toml": '[libraries]\nours = { path = "../ours" }\n',
            "project/spec.mmp": 'import "../ours/prices.mmp" as own\nimport ours.prices as locked\n'
            "let both = own.dear + locked.dear\n",
        }
    )
    ground.enter("project")
    ground.mmp("lock")
    assert ground.mmp("check", "spec.mmp").code == 0
    ground.write({"ours/prices.mmp": "let dear = 4 ms\n"})
    assert ground.mmp("check", "spec.mmp").err.startswith("error[MMP723]")
