"""Tables without lines: columns and blanks read the same on a terminal and in a file."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from rich.padding import Padding
from rich.table import Table
from rich.text import Text

INDENT = 2


def table(columns: Sequence[str], rows: Iterable[Sequence[str | Text]], left: int = 1) -> Padding:
    """A table; the first `left` columns are text, the others are numbers, set to the right.

    Cells are taken as they are, never as markup; long ones go on in the next line.
    """
    grid = Table(box=None, show_header=any(columns), pad_edge=False, header_style="dim")
    for place, column in enumerate(columns):
        grid.add_column(Text(column), justify="left" if place < left else "right", overflow="fold")
    for row in rows:
        grid.add_row(*(cell if isinstance(cell, Text) else Text(cell) for cell in row))
    return Padding(grid, (0, 0, 0, INDENT))


def heading(text: str, rest: str = "") -> Text:
    """A section's title, and what follows it on the line."""
    line = Text(text, style="bold")
    return line.append(f"  {rest}", style="not bold") if rest else line


def lines(text: str, width: int) -> str:
    """The text in lines of this width, broken after commas where that can be."""
    found = [""]
    for piece in re.findall(r"[^,]+,? ?", text):
        if found[-1] and len(found[-1]) + len(piece.rstrip()) > width:
            found.append("")
        found[-1] += piece
    return "\n".join(line.rstrip() for line in found)
