"""Tables of configurations: comma-separated text, with `#` lines of remarks before the header."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

# Without these a row says neither on what nor on how many devices it ran, or what was sent.
NEEDED = ("gpu", "n_gpus")
NEEDED_OF_COLLECTIVES = ("gpu", "collective", "size_bytes")


class TableError(Exception):
    """What is wrong with a table, and in which line of the file (the first is 1)."""

    def __init__(self, line: int, message: str) -> None:
        super().__init__(f"line {line}: {message}")
        self.line = line


@dataclass(frozen=True, slots=True)
class Table:
    """A header and its rows. `remarks` are the comment lines, joined, without their `#`."""

    columns: tuple[str, ...]
    rows: tuple[Mapping[str, str], ...]
    remarks: str

    @property
    def is_of_collectives(self) -> bool:
        """Whether a row is a collective rather than a training configuration."""
        return "collective" in self.columns


def read_table(text: str) -> Table:
    """The table in a text. Raises TableError where a line is not what the header promises."""
    remarks: list[str] = []
    lines = _Lines(text, remarks)
    reader = csv.reader(lines, strict=True)
    try:
        header = next(reader, None)
        if header is None:
            raise TableError(lines.number or 1, "the table has no header")
        columns = _columns(header, lines.number)
        rows = tuple(_row(columns, cells, lines.number) for cells in reader if cells)
    except csv.Error as error:
        raise TableError(lines.number, str(error)) from None
    return Table(columns, rows, " ".join(remarks))


class _Lines(Iterator[str]):
    """The lines of a text but comments; `number` is that of the last one given."""

    def __init__(self, text: str, remarks: list[str]) -> None:
        self.number = 0
        self._remarks = remarks
        self._lines = iter(io.StringIO(text.removeprefix("\ufeff"), newline=""))

    def __next__(self) -> str:
        for line in self._lines:
            self.number += 1
            if not line.startswith("#"):
                return line
            self._remarks.append(line.lstrip("#").strip())
        raise StopIteration


def _columns(header: Sequence[str], line: int) -> tuple[str, ...]:
    columns = tuple(name.strip() for name in header)
    for place, name in enumerate(columns):
        if name in columns[:place]:
            raise TableError(line, f"column `{name}` is given twice")
    needed = NEEDED_OF_COLLECTIVES if "collective" in columns else NEEDED
    missing = [name for name in needed if name not in columns]
    if missing:
        listed = " and ".join(f"`{name}`" for name in missing)
        raise TableError(line, f"the header has no column {listed}")
    return columns


def _row(columns: Sequence[str], cells: Sequence[str], line: int) -> Mapping[str, str]:
    if len(cells) != len(columns):
        raise TableError(line, f"{len(cells)} cells under a header of {len(columns)}")
    return dict(zip(columns, cells, strict=True))


def write_table(columns: Sequence[str], rows: Sequence[Mapping[str, str]]) -> str:
    """The text of a table, without remarks; a cell that a row lacks stays empty."""
    out = io.StringIO()
    writer = csv.DictWriter(out, columns, restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()
