"""Errors of predicted collectives against published measurements, per source and curve.

    python -m tests.benchmarks.fit.collectives_score [--rows] [TABLE.csv ...]

The tables are those of tests/data/published unless others are named.
"""

from __future__ import annotations

import sys
from pathlib import Path

from solver.configuration.collective_curves import Curve, curves, report

PUBLISHED = Path(__file__).parents[2] / "data" / "published"


def chosen_curves() -> list[Curve]:
    """The curves of the tables on the command line."""
    paths = [Path(argument) for argument in sys.argv[1:] if not argument.startswith("--")]
    return curves(paths or sorted(PUBLISHED.glob("coll_*.csv")))


def main() -> None:
    """Print the report, and with --rows every row."""
    sys.stdout.write("\n".join([*report(chosen_curves(), "--rows" in sys.argv), ""]))


if __name__ == "__main__":
    main()
