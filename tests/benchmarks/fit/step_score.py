"""Predicted against measured step times: a table per source, and the rows far off.

    python -m tests.benchmarks.fit.step_score [--write] [FOLDER]

Prints the report of `solver/README.md`, section "Published measurements"; `--write` puts it there.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import NamedTuple

from solver.configuration.flops import utilisation
from solver.configuration.price import price
from solver.configuration.score import Score, Scored, score
from solver.cost.physics.parameters import device_physics
from tests.benchmarks.fit.step_rows import DATA, Kind, Step, by_source, read_steps

README = Path(__file__).parents[3] / "solver" / "README.md"
BEGIN, END = "<!-- steps -->", "<!-- end of steps -->"
FAR = 0.25
CELLS = ("ultrascale", "vtrain_singlenode")  # tables of many configurations per cell
HEAD = (
    "| rows | source | n | error | bias | largest | MFU measured, predicted | tau | regret | "
    "fastest quarter |",
    "|---|---|---|---|---|---|---|---|---|---|",
)


class ScoredStep(NamedTuple):
    """A step with its prediction, and the utilisation that one second would be."""

    row: Scored
    flop_share: float


Rows = Mapping[tuple[Kind, str], Sequence[ScoredStep]]


def scored(step: Step) -> ScoredStep:
    """The step with its prediction."""
    c = step.configuration
    row = Scored(step.name, step.group, step.seconds, price(c).time.total)
    return ScoredStep(row, utilisation(c, 1.0, device_physics(c.device)))


def score_of(members: Sequence[ScoredStep]) -> Score:
    """The score of a source."""
    return score([member.row for member in members])


def scored_sources(folder: Path) -> Rows:
    """Every step of a folder's tables, by kind and source."""
    steps, _ = read_steps(folder)
    return {key: [scored(step) for step in found] for key, found in by_source(steps).items()}


def table(rows: Rows) -> list[str]:
    """A line per source; tau, regret and quarter where cells have many configurations."""
    lines = list(HEAD)
    for (kind, source), members in rows.items():
        found = score_of(members)
        used = [
            median(member.flop_share / seconds(member.row) for member in members)
            for seconds in (lambda row: row.measured, lambda row: row.predicted)
        ]
        lines.append(
            f"| {kind} | {source} | {found.rows} | {found.error:.1%} | {found.bias:+.1%} | "
            f"{found.largest:.0%} | {used[0]:.1%}, {used[1]:.1%} | {order(source, found)} |"
        )
    means = {kind: mean_over_sources(rows, kind) for kind in dict.fromkeys(key[0] for key in rows)}
    shown = ", ".join(f"{kind} {mean:.1%}" for kind, mean in means.items())
    return [*lines, "", f"Mean over sources: {shown}."]


def order(source: str, found: Score) -> str:
    """The cells of a line about order within groups."""
    if source not in CELLS or found.tau is None:
        return " | | "
    return f"{found.tau:.2f} | {found.regret:.1%} | {found.quartile:.1%}"


def mean_over_sources(rows: Rows, kind: Kind) -> float:
    """The mean of the sources' errors; of ultrascale, the fastest quarters (the others hold runs
    that failed in part)."""
    found = {source: score_of(members) for (of, source), members in rows.items() if of == kind}
    errors = [
        each.quartile if source == "ultrascale" and each.quartile is not None else each.error
        for source, each in found.items()
    ]
    return sum(errors) / len(errors)


def far_rows(rows: Iterable[Scored]) -> list[str]:
    """Rows that are off by more than a quarter."""
    return [f"#{row.name.split('#')[-1]} {row.error:+.0%}" for row in rows if abs(row.error) > FAR]


def report(rows: Rows) -> list[str]:
    """All lines."""
    lines = table(rows)
    lines += ["", "Off by more than a quarter:", ""]
    for (kind, source), members in rows.items():
        if far := far_rows(member.row for member in members):
            lines.append(f"- {kind}, {source}, {len(far)} of {len(members)}: {', '.join(far)}")
    return lines


def written(lines: Sequence[str]) -> str:
    """The README's text with these lines between its marks."""
    text = README.read_text(encoding="utf-8")
    before, rest = text.split(BEGIN)
    _, after = rest.split(END)
    return "\n".join((before + BEGIN, *lines, END + after))


if __name__ == "__main__":
    folders = [Path(word) for word in sys.argv[1:] if not word.startswith("--")]
    found = report(scored_sources(folders[0] if folders else DATA))
    if "--write" in sys.argv:
        README.write_text(written(found), encoding="utf-8")
    print("\n".join(found))  # noqa: T201
