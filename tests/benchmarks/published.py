"""Specs of published configurations, one file for every row that the language can say.

    python -m tests.benchmarks.published --data DIR -o DIR [--distinct] [FILE...]

Reads the tables `e2e_*.csv` of a folder (or those named) and writes `TABLE_ROW.mmp` files, which
`mmp check` passes and `mmp eval` prices. With `--distinct`, rows that give the same spec but for
its title make one file. Rows without a spec are counted with the reason.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path

from dsl.format import format_text
from solver.configuration.cells import RowError, text
from solver.configuration.read import read_configuration
from solver.configuration.table import Table, read_table
from tests.benchmarks.published_spec import WIDTH, CannotSayError, spec_text


def specs(path: Path) -> Iterator[tuple[str, str, str]]:
    """(name, spec, reason) of every row of a table; one of the last two is empty."""
    table = read_table(path.read_text(encoding="utf-8"))
    yield from specs_of(path, table)


def specs_of(path: Path, table: Table) -> Iterator[tuple[str, str, str]]:
    """The same for a table that was read."""
    for number, row in enumerate(table.rows, 1):
        name = _name(path, row, number)
        try:
            configuration = read_configuration(row, table.remarks)
            written = spec_text(configuration, _title(path, row))
        except (RowError, CannotSayError) as reason:
            yield name, "", str(reason)
        else:
            yield name, _in_style(written, name), ""


def _in_style(spec: str, name: str) -> str:
    """The spec as `mmp fmt` writes it, which it is already where no line is long."""
    is_long = any(len(line) > WIDTH for line in spec.splitlines())
    return format_text(spec, f"{name}.mmp") if is_long else spec


def _name(path: Path, row: Mapping[str, str], number: int) -> str:
    shown = text(row, "row_id").rpartition("#")[2] or str(number)
    return f"{path.stem}_{re.sub(r'[^A-Za-z0-9]+', '_', shown)}"


def _title(path: Path, row: Mapping[str, str]) -> str:
    words = f"{text(row, 'model')} on {text(row, 'n_gpus')} x {text(row, 'gpu')}"
    return f"{words} ({path.name}, {text(row, 'row_id')})"


def main(arguments: list[str] | None = None) -> int:
    """Write the files; say how many, and why others are missing."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("-o", dest="output", type=Path, required=True)
    parser.add_argument("--distinct", action="store_true")
    parser.add_argument("files", metavar="FILE", nargs="*")
    given = parser.parse_args(arguments)
    paths = [given.data / name for name in given.files] or sorted(given.data.glob("e2e_*.csv"))
    given.output.mkdir(parents=True, exist_ok=True)
    reasons: Counter[str] = Counter()
    seen: set[str] = set()
    written = 0
    for path in paths:
        for name, spec, reason in specs(path):
            if reason:
                reasons[reason] += 1
                continue
            body = spec.partition("\n")[2]
            if given.distinct and body in seen:
                continue
            seen.add(body)
            (given.output / f"{name}.mmp").write_text(spec, encoding="utf-8")
            written += 1
    sys.stderr.write(f"{written} specs written to {given.output}\n")
    for reason, count in reasons.most_common():
        sys.stderr.write(f"  {count} without: {reason}\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
