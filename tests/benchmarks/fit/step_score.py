"""Predicted against measured step times: a table per source, and the rows far off.

    python -m tests.benchmarks.fit.step_score [FOLDER]

Prints the two lists of `solver/configuration/README.md`, section "Step time".
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path

from solver.configuration.price import price
from solver.configuration.score import Score, Scored, score
from tests.benchmarks.fit.step_rows import DATA, Step, by_source, read_steps

FAR = 0.25
HEAD = (
    "| rows | source | n | error | bias | largest | tau | regret | fastest quarter |",
    "|---|---|---|---|---|---|---|---|---|",
)


def scored(step: Step) -> Scored:
    """The step with its prediction."""
    predicted = price(step.configuration).time.total
    return Scored(step.name, step.group, step.seconds, predicted)


def table(rows: Iterable[tuple[str, str, Score]]) -> list[str]:
    """A line per source. Tau, regret and quarter are shown where groups have many members."""
    lines = list(HEAD)
    for kind, source, found in rows:
        ordered = ("", "", "")
        if found.tau is not None and source in ("ultrascale", "vtrain_singlenode"):
            ordered = (f"{found.tau:.2f}", f"{found.regret:.1%}", f"{found.quartile:.1%}")
        lines.append(
            f"| {kind} | {source} | {found.rows} | {found.error:.1%} | {found.bias:+.1%} | "
            f"{found.largest:.0%} | {' | '.join(ordered)} |"
        )
    return lines


def far_rows(rows: Iterable[Scored]) -> list[str]:
    """Rows that are off by more than a quarter."""
    return [f"{row.name} {row.error:+.0%}" for row in rows if abs(row.error) > FAR]


def main(folder: Path) -> list[str]:
    """The report."""
    steps, unread = read_steps(folder)
    rows = {key: [scored(step) for step in found] for key, found in by_source(steps).items()}
    lines = table((kind, source, score(found)) for (kind, source), found in rows.items())
    for (kind, source), found in rows.items():
        if far := far_rows(found):
            lines += [
                "",
                f"{kind} {source}, more than {FAR:.0%} off ({len(far)}): {', '.join(far)}",
            ]
    lines += ["", *(f"not priced: {row.name}: {row.reason}" for row in unread)]
    return lines


if __name__ == "__main__":
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else DATA
    print("\n".join(main(folder)))  # noqa: T201
