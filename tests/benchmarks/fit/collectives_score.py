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

import numpy as np

from solver.configuration.collective_rows import CollectiveRow, read_collective

TABLES = ("coll_nccl_measured", "coll_vtrain_allreduce_lut", "coll_galvatron_a100")
MIB = 2**20


class Curve(NamedTuple):
    """Measured seconds by size, of one collective on one fabric."""

    source: str
    name: str
    row: CollectiveRow
    size_bytes: np.ndarray
    seconds: np.ndarray
    fixed: np.ndarray | None = None

    def predicted(self) -> np.ndarray:
        """Predicted seconds, now or as fixed before."""
        return self.fixed if self.fixed is not None else self.row.seconds(self.size_bytes)


def curves(folder: Path) -> list[Curve]:
    """The curves of the tables: rows that have a size and a time."""
    rows: dict[tuple[str, str], list[tuple[CollectiveRow, float]]] = defaultdict(list)
    for table in TABLES:
        with (folder / f"{table}.csv").open(encoding="utf-8") as file:
            lines = (line for line in file if not line.startswith("#"))
            for record in csv.DictReader(lines):
                row = read_collective(record)
                if isinstance(row, str) or not record["time_us"]:
                    continue
                names = ("gpu", "fabric", "n_ranks", "collective")
                name = " ".join([*(record[name] for name in names), row.algorithm])
                source = record["notes"].split(" ")[0].split("/")[0] or table.split("_")[1]
                rows[source, name].append((row, float(record["time_us"]) / 1e6))
    return [
        Curve(
            source,
            name,
            found[0][0],
            np.array([row.size_bytes for row, _ in found]),
            np.array([seconds for _, seconds in found]),
        )
        for (source, name), found in rows.items()
    ]


def report(measured: list[Curve], each_row: bool = False) -> Iterator[str]:
    """Median and mean error, and bias, from 1 MiB up and below, of each table and each curve."""
    errors: dict[str, list[tuple[bool, float]]] = defaultdict(list)
    for curve in measured:
        found = curve.predicted() / curve.seconds - 1
        for name in (curve.source, f"  {curve.source} {curve.name}", "all"):
            errors[name].extend(zip(curve.size_bytes >= MIB, found.tolist(), strict=True))
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
        short = name if len(name) < 86 else name[:40] + ".." + name[-42:]
        yield f"{short:86} " + "   |   ".join(parts)
    for curve in measured if each_row else ():
        yield curve.name
        for size, seconds, predicted in zip(
            curve.size_bytes, curve.seconds, curve.predicted(), strict=True
        ):
            yield (
                f"{size / MIB:14.4f} MiB {seconds * 1e6:10.1f} us {predicted * 1e6:10.1f} us"
                f" {predicted / seconds - 1:+7.1%}"
            )


def main() -> None:
    """Print the report, and with --rows every row."""
    paths = [argument for argument in sys.argv[1:] if not argument.startswith("--")]
    measured = curves(Path(paths[0] if paths else "tests/data/published"))
    sys.stdout.write("\n".join([*report(measured, "--rows" in sys.argv), ""]))


if __name__ == "__main__":
    main()
