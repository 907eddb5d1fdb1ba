"""Every `transcripts/*.txt` is a project with libraries, and what `mmp` says about it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playing import Playground, play

import dsl.project
import solver.locking
from dsl.codes import CODES as SYNTAX_CODES
from dsl.codes import merge
from dsl.project.codes import CODES
from dsl.resolve.codes import CODES as SPEC_CODES

HERE = Path(__file__).parent
TRANSCRIPTS = sorted((HERE / "transcripts").glob("*.txt"))
ROOMS = (Path(dsl.project.__file__).parent, Path(solver.locking.__file__).parent)


@pytest.mark.parametrize("path", TRANSCRIPTS, ids=lambda path: path.stem)
def test_transcript(path: Path, golden, ground: Playground) -> None:
    golden(path, play(path.read_text(encoding="utf-8"), ground))


def test_every_code_is_shown_and_used() -> None:
    rows = [row.code for row in CODES]
    shown = {c for p in TRANSCRIPTS for c in re.findall(r"error\[(MMP72\d)", p.read_text())}
    assert sorted(shown) == rows
    files = [*(p for room in ROOMS for p in room.rglob("*.py")), *_resolver()]
    used = {c for p in files if p.name != "codes.py" for c in re.findall("MMP72\\d", p.read_text())}
    assert sorted(used) == rows
    tables = (SYNTAX_CODES, SPEC_CODES, CODES)
    assert len(merge(*tables)) == sum(map(len, tables))


def _resolver() -> list[Path]:
    return sorted((ROOMS[0].parent / "resolve").glob("*.py"))
