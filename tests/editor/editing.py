"""A text with the place of a cursor in it, and its analysis."""

from __future__ import annotations

from pathlib import Path

from dsl.editor.analysis import Analysis, analyse
from dsl.editor.readings import Readings

READINGS = Readings()

CURSOR = "‸"


def place(marked: str) -> tuple[str, int, int]:
    """The text without its cursor mark, and the mark's line and column."""
    before, _, after = marked.partition(CURSOR)
    return before + after, before.count("\n") + 1, len(before) - before.rfind("\n")


def read(path: Path, text: str, before: Analysis | None = None) -> Analysis:
    """The analysis of a text that is not on disk."""
    return analyse(str(path), text, {str(path.resolve()): text.encode()}, before, READINGS)
