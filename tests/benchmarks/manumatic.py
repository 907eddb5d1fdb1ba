"""ManuMatic's three cases: plan them, write their reports, and print what the pins gain.

    python -m tests.benchmarks.manumatic [--time-limit SECONDS] [WORD...]

Plans the pairs of `manumatic_cases.py` (with words, those whose name holds one of them), prices the
plans where nothing is hidden, writes a report of each into `examples/manumatic`, and puts its row
into the table of the README there. A few minutes in all.
"""

from __future__ import annotations

import argparse
import sys

from tests.benchmarks.manumatic_cases import CASES, FOLDER, MACHINE, Case, solve
from tests.benchmarks.manumatic_report import Results, report, row

README = FOLDER / "README.md"


def plan(case: Case, limit: float | None) -> Results:
    """The three plans of a case; `limit` replaces its own time limit, in seconds."""
    time = case.seconds if limit is None else limit
    free, pinned = case.path(is_pinned=False), case.path(is_pinned=True)
    informed = solve(free, time, {"overlap": f"{MACHINE:g}"})
    return Results(case, solve(free, time), solve(pinned, time), informed)


def entered(text: str, line: str) -> str:
    """The README with the row of a case in the place of its old one, which begins alike."""
    begin = line[: line.index(")") + 1]
    old = text.splitlines()
    return "\n".join(line if found.startswith(begin) else found for found in old) + "\n"


def main(arguments: list[str]) -> None:
    """Plan, write and print, case by case."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.manumatic")
    parser.add_argument("--time-limit", type=float, metavar="SECONDS", help="of each solve")
    parser.add_argument("words", metavar="WORD", nargs="*")
    given = parser.parse_args(arguments)
    for case in CASES:
        if given.words and not any(word in case.name for word in given.words):
            continue
        results = plan(case, given.time_limit)
        case.report.write_text(report(results), encoding="utf-8")
        line = row(results)
        README.write_text(entered(README.read_text(encoding="utf-8"), line), encoding="utf-8")
        sys.stdout.write(line + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1:])
