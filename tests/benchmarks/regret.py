"""What it costs to run the configuration that the planner would take, among published ones.

    python -m tests.benchmarks.regret [TABLE.csv]

Every row of a table of measured configurations (by default that of the Ultra-Scale Playbook)
becomes a spec that leaves nothing open, priced as `mmp eval` does and `mmp solve` would: among
specs that leave nothing open, what `mmp solve` finds cheapest is what is priced cheapest. Per cell
(model, devices, batch, sequence): how many there are, Kendall's tau, and the regret, ties against
us.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from statistics import median

from dsl.load import load
from solver.configuration.cells import RowError, text
from solver.configuration.read import read_configuration
from solver.configuration.score import Scored, grouped, kendall_tau, regret
from solver.configuration.table import read_table
from solver.pinned.evaluate import evaluate_pinned
from solver.pinned.findings import OpenError
from tests.benchmarks.published_spec import CannotSayError, spec_text

TABLE = Path(__file__).parents[1] / "data" / "published" / "e2e_ultrascale.csv"
CELL = ("model", "n_gpus", "gbs", "seq_len")


def priced(path: Path) -> Iterator[Scored | str]:
    """Every row with a step time, or why it has no price."""
    table = read_table(path.read_text(encoding="utf-8"))
    with tempfile.TemporaryDirectory() as folder:
        spec = Path(folder, "spec.mmp")
        for row in table.rows:
            name, measured = text(row, "row_id"), text(row, "step_time_s")
            if not measured:
                continue
            try:
                written = spec_text(read_configuration(row, table.remarks), name)
                spec.write_text(written, encoding="utf-8")
                seconds = evaluate_pinned(load(spec)).figures.step_time
            except (RowError, CannotSayError, OpenError) as reason:
                yield f"{name}: {reason}"
                continue
            cell = tuple(text(row, column) for column in CELL)
            yield Scored(name, cell, float(measured), seconds)


def lines(rows: list[Scored]) -> Iterator[str]:
    """The table of cells, and the medians over them."""
    yield "| " + " | ".join(CELL) + " | configurations | tau | regret |"
    yield "|---" * (len(CELL) + 3) + "|"
    cells = [cell for cell in grouped(rows) if len(cell) > 1]
    for cell in sorted(
        cells, key=lambda members: [str(part).zfill(9) for part in members[0].group]
    ):
        name = " | ".join(str(part) for part in cell[0].group)
        yield f"| {name} | {len(cell)} | {kendall_tau(cell):.2f} | {regret(cell):.1%} |"
    taus, regrets = [kendall_tau(cell) for cell in cells], [regret(cell) for cell in cells]
    yield f"median: tau {median(taus):.2f}, regret {median(regrets):.1%}"


def main(arguments: list[str] | None = None) -> int:
    """Print the table; rows without a price go to standard error."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("table", metavar="TABLE.csv", type=Path, nargs="?", default=TABLE)
    found = list(priced(parser.parse_args(arguments).table))
    for reason in found:
        if isinstance(reason, str):
            sys.stderr.write(f"not priced: {reason}\n")
    sys.stdout.write("\n".join(lines([row for row in found if isinstance(row, Scored)])) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
