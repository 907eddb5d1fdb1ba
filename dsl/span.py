"""Places in source text. Every value that came from a file carries one from birth."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """A half-open stretch of one file.

    Lines and columns count from 1; `end_column` is the column after the last character.
    `file` is the path as the user would write it (`stdlib:models/llama.mmp` for the library,
    `-D` for a command-line override).
    """

    file: str
    line: int
    column: int
    end_line: int
    end_column: int

    def to(self, other: Span) -> Span:
        """The span from the start of this one to the end of `other` (same file)."""
        return Span(self.file, self.line, self.column, other.end_line, other.end_column)

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"
