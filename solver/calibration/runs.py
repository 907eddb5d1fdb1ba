"""Measured runs: a table whose rows name a spec, what was set in it, and what was measured.

Columns: `spec` (a file, as given on the command line or by its name without folder or ending; may
be left out where one spec is given), `step_time_s`, `peak_mem_gib` (either may be empty); every
other column is a `param` of the spec, as `-D` sets it. Lines that begin with `#` are remarks.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

GIB = 2.0**30
OWN = ("spec", "step_time_s", "peak_mem_gib")


class RunsError(ValueError):
    """What is wrong with a table of runs, with its line."""


@dataclass(frozen=True, slots=True)
class Run:
    """One run. `step_seconds` and `peak_bytes` are None where they were not measured."""

    spec: str
    overrides: Mapping[str, str]
    step_seconds: float | None
    peak_bytes: float | None

    @property
    def name(self) -> str:
        """The spec and what is set in it."""
        chosen = ", ".join(f"{name} = {value}" for name, value in self.overrides.items())
        stem = Path(self.spec).stem
        return f"{stem} ({chosen})" if chosen else stem


def read_runs(text: str, specs: Sequence[str]) -> tuple[Run, ...]:
    """The runs of a table; RunsError names the line that is wrong."""
    numbered = [
        (number, line)
        for number, line in enumerate(text.splitlines(), 1)
        if line.strip() and not line.startswith("#")
    ]
    if not numbered:
        raise RunsError("the table has no header")
    reader = csv.reader([line for _, line in numbered], skipinitialspace=True)
    header, *rows = list(reader)
    header = [name.strip() for name in header]
    if "step_time_s" not in header:
        raise RunsError(f"line {numbered[0][0]}: no column `step_time_s`")
    found = []
    for (number, _), row in zip(numbered[1:], rows, strict=True):
        if len(row) != len(header):
            raise RunsError(f"line {number}: {len(row)} cells under a header of {len(header)}")
        cells = {name: cell.strip() for name, cell in zip(header, row, strict=True)}
        try:
            found.append(_run(cells, specs))
        except ValueError as error:
            raise RunsError(f"line {number}: {error}") from error
    if not any(run.step_seconds for run in found):
        raise RunsError("no row has a `step_time_s`")
    return tuple(found)


def _run(cells: Mapping[str, str], specs: Sequence[str]) -> Run:
    overrides = {name: cell for name, cell in cells.items() if name not in OWN and cell}
    peak = _number(cells, "peak_mem_gib")
    return Run(
        _spec(cells.get("spec", ""), specs),
        overrides,
        _number(cells, "step_time_s"),
        None if peak is None else peak * GIB,
    )


def _spec(cell: str, specs: Sequence[str]) -> str:
    if not cell and len(specs) == 1:
        return specs[0]
    matches = [path for path in specs if cell in (path, Path(path).name, Path(path).stem)]
    if len(matches) != 1:
        known = ", ".join(Path(path).stem for path in specs)
        raise ValueError(f"`spec` is `{cell}`, which is not one of {known}")
    return matches[0]


def _number(cells: Mapping[str, str], name: str) -> float | None:
    cell = cells.get(name, "")
    if not cell:
        return None
    try:
        value = float(cell)
    except ValueError:
        raise ValueError(f"`{name}` is `{cell}`, not a number") from None
    if not (math.isfinite(value) and value > 0):
        raise ValueError(f"`{name}` is {cell}; it must be above zero")
    return value
