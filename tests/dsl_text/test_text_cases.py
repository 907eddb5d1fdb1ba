"""Every `cases/*.mmp` against its pinned syntax tree (`.tree`) and formatted text (`.fmt`)."""

from __future__ import annotations

from pathlib import Path

import pytest
from syntax_dump import CASES, dump, read_text

from dsl.format import format_text
from dsl.text.parser import parse, parse_bytes


@pytest.mark.parametrize("path", CASES, ids=lambda p: p.stem)
def test_tree(path: Path, golden) -> None:
    file, diagnostics = parse(read_text(path), path.name)
    assert diagnostics == ()
    golden(path.with_suffix(".tree"), dump(file))


@pytest.mark.parametrize("path", CASES, ids=lambda p: p.stem)
def test_format(path: Path, golden) -> None:
    source = read_text(path)
    formatted = format_text(source, path.name)
    golden(path.with_suffix(".fmt"), formatted)
    assert format_text(formatted, path.name) == formatted
    before, after = parse(source, path.name)[0], parse(formatted, path.name)[0]
    assert dump(after, spans=False) == dump(before, spans=False)


def test_byte_order_mark_is_no_text() -> None:
    file, diagnostics = parse_bytes(b"\xef\xbb\xbflet a = 1", "a.mmp")
    assert diagnostics == ()
    assert file.statements[0].span.column == 1


def test_source_and_path_are_kept() -> None:
    file, _ = parse("let a = 1 // c\n", "dir/a.mmp")
    assert (file.path, file.source) == ("dir/a.mmp", "let a = 1 // c\n")
    assert file.statements[0].span.file == "dir/a.mmp"
