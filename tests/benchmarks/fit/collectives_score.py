"""Errors of predicted collectives against published measurements, per table and curve.

    python tests/benchmarks/fit/collectives_score.py [FOLDER] [--rows]

FOLDER holds the `coll_*.csv` tables (default: tests/data/published).
"""

from __future__ import annotations

import csv
import sys
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from statistics import mean, median
from typing import NamedTuple

from solver.configuration.collective_rows import CollectiveRow, read_collective

TABLES = ("coll_nccl_measured", "coll_vtrain_allreduce_lut", "coll_galvatron_a100")
MIB = 2**20


class Measured(NamedTuple):
    """A row of a curve and its measured seconds."""

    table: str
    curve: str
    row: CollectiveRow
    seconds: float


def measured_rows(folder: Path) -> Iterator[Measured]:
    """The rows of the tables that have a size and a time."""
    for table in TABLES:
        with (folder / f"{table}.csv").open(encoding="utf-8") as file:
            lines = (line for line in file if not line.startswith("#"))
            for record in csv.DictReader(lines):
                row = read_collective(record)
                if isinstance(row, str) or not record["time_us"]:
                    continue
                names = ("gpu", "fabric", "n_ranks", "collective")
                curve = " ".join(record[name] for name in names)
                yield Measured(
                    table, curve[:70] + row.algorithm, row, float(record["time_us"]) / 1e6
                )


def report(rows: list[Measured]) -> Iterator[str]:
    """Median and mean error, and bias, from 1 MiB up and below, of each table and each curve."""
    errors: dict[str, list[tuple[bool, float]]] = defaultdict(list)
    for item in rows:
        error = item.row.seconds() / item.seconds - 1
        for name in (item.table, f"  {item.table[5:9]} {item.curve}", "all"):
            errors[name].append((item.row.size_bytes >= MIB, error))
    yield f"{'':84} {'from 1 MiB: n, median, mean, bias':38} below"
    for name in sorted(errors):
        parts = []
        for large in (True, False):
            chosen = [error for is_large, error in errors[name] if is_large == large]
            if chosen:
                sizes = [abs(error) for error in chosen]
                parts.append(
                    f"{len(chosen):4} {median(sizes):7.1%} {mean(sizes):7.1%} {mean(chosen):+7.1%}"
                )
        yield f"{name:86} " + "   |   ".join(parts)


def main() -> None:
    """Print the report, and with --rows every row."""
    paths = [argument for argument in sys.argv[1:] if not argument.startswith("--")]
    rows = list(measured_rows(Path(paths[0] if paths else "tests/data/published")))
    print("\n".join(report(rows)))
    if "--rows" in sys.argv:
        for item in rows:
            predicted = item.row.seconds()
            print(
                f"{item.curve[:60]:60} {item.row.size_bytes / MIB:12.4f} MiB {item.seconds * 1e6:10.1f}"
                f" {predicted * 1e6:10.1f} {predicted / item.seconds - 1:+7.1%}"
            )


if __name__ == "__main__":
    main()
