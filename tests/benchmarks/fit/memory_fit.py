"""Score the memory terms on tables of rows, fit their shared numbers, and fit them across sources.

    python -m tests.benchmarks.fit.memory_fit [--fit] TABLE.csv...

Prints per table: rows that printed a peak, mean absolute percentage error, bias, how many are more
than 5 % too low, the lowest and highest error; rows that ran and those of them said to fit; rows
that failed and those said not to. With --fit the numbers of `GRID` are chosen anew from all tables
weighed equally, and again from all but one, which they then predict. A figure that is too low by
more than 5 % counts forty times: it is the one that ends in a crash.
"""

from __future__ import annotations

import csv
import itertools
import sys
from pathlib import Path
from typing import NamedTuple

import numpy as np

from solver.configuration.cells import RowError
from solver.configuration.configuration import Configuration
from solver.configuration.memory import predict_memory
from solver.configuration.read import read_configuration
from solver.configuration.row_headers import with_common_header
from solver.cost.physics.parameters import device_physics

GIB = 2.0**30
GRID = {
    "fragmentation": (0.04, 0.05, 0.06, 0.08),
    "workspace_bytes": (0.0, 272 * 2.0**20, 0.5 * GIB),
    "gathers_held": (0.9, 1.08, 1.2),
    "host_layer_s_per_tensor_rank": (1.5e-3, 2.5e-3, 3.5e-3),
}
LOW, WEIGHT = -0.05, 40.0

Numbers = dict[str, float]


class MemoryRow(NamedTuple):
    """`printed` in bytes, 0 where nothing is; `status` as in the table."""

    configuration: Configuration
    printed: float
    status: str


def memory_rows(path: Path) -> list[MemoryRow]:
    """The rows of a table that can be read."""
    lines = path.read_text().splitlines()
    remarks = " ".join(line for line in lines if line.startswith("#"))
    rows = []
    for row in csv.DictReader(line for line in lines if not line.startswith("#")):
        try:
            configuration = read_configuration(row, remarks)
        except RowError:
            continue
        common = with_common_header(row)
        printed = float(common.get("peak_mem_gib") or 0) * GIB
        rows.append(MemoryRow(configuration, printed, common.get("status") or "ok"))
    return rows


def errors(rows: list[MemoryRow], numbers: Numbers) -> np.ndarray:
    """Relative errors of the rows that ran and printed a peak."""
    found = [
        predict_memory(row.configuration, device(row, numbers)).total_bytes / row.printed - 1
        for row in rows
        if row.printed and row.status == "ok"
    ]
    return np.array(found)


def device(row: MemoryRow, numbers: Numbers):  # type: ignore[no-untyped-def]
    """The row's device with some numbers changed; one object per set of numbers is enough."""
    physics = device_physics(row.configuration.device)
    return physics.with_numbers(**numbers) if numbers else physics


def loss(found: np.ndarray) -> float:
    """Mean error in which too low counts `WEIGHT` times."""
    return float(np.mean(np.abs(found) * np.where(found < LOW, WEIGHT, 1.0)))


def scored(name: str, rows: list[MemoryRow], numbers: Numbers) -> str:
    """One line of the table."""
    found = errors(rows, numbers)
    cells = [name, str(len(found))]
    if len(found):
        cells += [f"{100 * np.abs(found).mean():.1f}%", f"{100 * found.mean():+.1f}%"]
        cells += [
            str((found < LOW).sum()),
            f"{100 * found.min():+.0f}%",
            f"{100 * found.max():+.0f}%",
        ]
    else:
        cells += [""] * 5
    for wanted, status in ((True, "ok"), (False, "fail(")):
        some = [row for row in rows if row.status.startswith(status)]
        fits = [predict_memory(r.configuration, device(r, numbers)).fits for r in some]
        cells.append(f"{sum(fit == wanted for fit in fits)} of {len(fits)}" if fits else "")
    return "| " + " | ".join(cells) + " |"


def main(arguments: list[str]) -> None:
    """Score, and with --fit choose numbers from all tables and from all but one."""
    tables = {Path(a).stem: memory_rows(Path(a)) for a in arguments if not a.startswith("-")}
    sys.stdout.write(
        "| table | peaks | error | bias | low | least | most | ran, fit | failed, do not |" + "\n"
    )
    sys.stdout.write("|---|---|---|---|---|---|---|---|---|" + "\n")
    for name, rows in tables.items():
        sys.stdout.write(scored(name, rows, {}) + "\n")
    if "--fit" not in arguments:
        return
    printed = {name: rows for name, rows in tables.items() if any(r.printed for r in rows)}
    points = [dict(zip(GRID, point, strict=True)) for point in itertools.product(*GRID.values())]
    found = [{name: errors(rows, point) for name, rows in printed.items()} for point in points]
    losses = {name: np.array([loss(each[name]) for each in found]) for name in printed}
    best = int(np.argmin(sum(losses.values())))
    sys.stdout.write(f"from all: {points[best]}\n")
    for name in printed:
        others = int(np.argmin(sum(values for key, values in losses.items() if key != name)))
        error, own = (100 * np.abs(found[k][name]).mean() for k in (others, best))
        sys.stdout.write(
            f"without {name}: {error:.1f}% (with it {own:.1f}%), numbers {points[others]}" + "\n"
        )


if __name__ == "__main__":
    main(sys.argv[1:])
