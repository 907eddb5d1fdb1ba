"""Curves of measured collectives, and how far the model is from them."""

from __future__ import annotations

import csv
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path
from statistics import mean, median
from typing import NamedTuple

import numpy as np

from solver.configuration.collective_rows import CollectiveRow, read_collective
from solver.cost.physics.links import Floats

MIB = 2**20
# The name of a source: what comes before the first digit, blank or stroke of a note.
SOURCE_WORD = re.compile(r"[^A-Za-z-].*")


class Curve(NamedTuple):
    """Measured seconds by size, of one collective on one fabric."""

    source: str
    name: str
    row: CollectiveRow
    size_bytes: Floats
    seconds: Floats

    def predicted(self) -> Floats:
        """Predicted seconds."""
        return self.row.seconds(self.size_bytes)


def curves(tables: Iterable[Path]) -> list[Curve]:
    """The curves of the tables: rows that have a size and a time.

    A source is the first word of a row's `notes`, or the table.
    """
    rows: dict[tuple[str, str], list[tuple[CollectiveRow, float]]] = defaultdict(list)
    for path in tables:
        with path.open(encoding="utf-8") as file:
            for record in csv.DictReader(line for line in file if not line.startswith("#")):
                row = read_collective(record)
                if isinstance(row, str) or not record["time_us"]:
                    continue
                names = ("gpu", "fabric", "n_ranks", "collective")
                name = " ".join([*(record[name] for name in names), row.algorithm]).strip()
                source = SOURCE_WORD.sub("", record["notes"]) or path.stem
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


def source_table(measured: list[Curve]) -> list[str]:
    """A Markdown table: median and mean error of each source, from 1 MiB up and below."""
    lines = [
        "| source | rows | median | mean | rows below 1 MiB | median | mean |",
        "|---|---|---|---|---|---|---|",
    ]
    for source in sorted({curve.source for curve in measured}):
        cells = [source]
        for large in (True, False):
            found = [
                abs(error)
                for curve in measured
                if curve.source == source
                for error in (curve.predicted() / curve.seconds - 1)[
                    (curve.size_bytes >= MIB) == large
                ].tolist()
            ]
            cells.append(str(len(found)))
            cells += [f"{average(found):.1%}" if found else "" for average in (median, mean)]
        lines.append("|" + "|".join(f" {cell} " if cell else " " for cell in cells) + "|")
    return lines
