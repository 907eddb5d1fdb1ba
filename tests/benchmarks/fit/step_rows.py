"""Measured steps of the published tables, as configurations and seconds."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable
from pathlib import Path
from typing import Literal, NamedTuple

from solver.configuration.cells import RowError, number
from solver.configuration.configuration import Configuration
from solver.configuration.read import read_configuration
from solver.configuration.row_headers import with_common_header
from solver.configuration.settle import in_recipes, whole_recipe
from solver.configuration.table import read_table

DATA = Path(__file__).parents[2] / "data" / "published"
Kind = Literal["dense", "FP8", "mixture"]


class Step(NamedTuple):
    """One measured step."""

    name: str
    source: str
    kind: Kind
    configuration: Configuration
    seconds: float
    notes: str

    @property
    def group(self) -> Hashable:
        """Rows that differ in strategy alone share it."""
        c = self.configuration
        return (c.architecture, c.device, c.devices, c.global_batch, c.seq_len)


class Unread(NamedTuple):
    """A row that says too little, and why."""

    name: str
    reason: str


def read_steps(folder: Path = DATA) -> tuple[tuple[Step, ...], tuple[Unread, ...]]:
    """Every row of the `e2e_*` tables that ran and has a step time."""
    steps: list[Step] = []
    unread = []
    for path in sorted(folder.glob("e2e_*.csv")):
        table = read_table(path.read_text(encoding="utf-8"))
        first = len(steps)
        for cells in table.rows:
            row = with_common_header(cells)
            seconds = number(row, "step_time_s")
            if row.get("status") not in (None, "", "ok") or seconds is None:
                continue
            try:
                configuration = read_configuration(row, table.remarks)
            except RowError as error:
                unread.append(Unread(row["row_id"], str(error)))
                continue
            source = path.stem.removeprefix("e2e_")
            kind = kind_of(configuration)
            notes = row.get("notes", "")
            steps.append(Step(row["row_id"], source, kind, configuration, seconds, notes))
        whole = {whole_recipe(step.configuration) for step in steps[first:]}
        steps[first:] = [
            step._replace(configuration=in_recipes(step.configuration, whole))
            for step in steps[first:]
        ]
    return tuple(steps), tuple(unread)


def kind_of(configuration: Configuration) -> Kind:
    """Mixtures of experts, dense models in eight bits or fewer, or the rest."""
    if configuration.architecture.experts:
        return "mixture"
    return "FP8" if configuration.precision.startswith(("fp8", "fp4")) else "dense"


def by_source(steps: tuple[Step, ...]) -> dict[tuple[Kind, str], list[Step]]:
    """Steps by kind and table, dense first."""
    found: dict[tuple[Kind, str], list[Step]] = defaultdict(list)
    for kind in ("dense", "FP8", "mixture"):
        for step in steps:
            if step.kind == kind:
                found[kind, step.source].append(step)
    return found
