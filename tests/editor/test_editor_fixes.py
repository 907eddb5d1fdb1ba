"""Every "did you mean" that a test of the language pins can be taken, and mends the finding."""

from __future__ import annotations

from pathlib import Path

import pytest
from editing import read

from dsl.diagnostic import Diagnostic
from dsl.editor.fixes import fixes
from dsl.editor.rename import apply
from dsl.resolve.files import OVERRIDES

TESTS = Path(__file__).resolve().parents[1]
CASES = [
    path.with_suffix(".mmp")
    for folder in ("dsl_text/invalid", "dsl_resolve/invalid")
    for path in sorted((TESTS / folder).glob("*.txt"))
    if "did you mean" in path.read_text(encoding="utf-8")
]


def findings(path: Path, source: str) -> tuple[Diagnostic, ...]:
    return read(path, source).diagnostics


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_a_fix_mends(path: Path) -> None:
    source = path.read_text(encoding="utf-8")
    before = findings(path, source)
    offered = [d for d in before if "did you mean" in d.help and d.span.file == str(path)]
    for found in offered:
        assert found.span.file != OVERRIDES
        first, *_ = fixes(found, source)
        after = findings(path, apply(source, first.edits))
        same = [d for d in after if (d.code, d.span.line) == (found.code, found.span.line)]
        known = [d for d in before if (d.code, d.span.line) == (found.code, found.span.line)]
        assert len(same) < len(known), first.title


def test_there_are_cases() -> None:
    assert len(CASES) > 25
