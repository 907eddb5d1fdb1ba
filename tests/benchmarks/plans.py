"""Table of plans: the examples, variants of them, and what hand strategies lose.

    python -m tests.benchmarks.plans [--time-limit SECONDS] [--workers N] [WORD...]

Solves the cases of `plan_cases.py`, one after the other; with words, those whose group or name
holds one of them. Nothing here fails for being slow. `best` is when the printed plan was found,
`memory` the peak of the process that searched, `to free` how much worse a plan is than that of
the same group without pins. A negative figure there is a bug of the search, and is said so.
"""

from __future__ import annotations

import argparse
import multiprocessing
import sys
from concurrent.futures import ProcessPoolExecutor

from solver.cli.report.words import percent, seconds
from tests.benchmarks.plan_cases import FREE, Case, cases
from tests.benchmarks.plan_run import Measured, measure

COLUMNS = "model,case,devices,splits,step time,bound,gap,proved,to free,first,best,memory,verify"
_NOISE = 1e-4  # of a value: the grain of the solver's clock


def row(case: Case, found: Measured, free: Measured | None) -> str:
    """One line of the table; `free` is what the group's case without pins gave."""
    cells = [case.group, case.name, str(found.devices), str(found.splits)]
    cells += [_time(found.value), _time(found.bound)]
    cells += ["-" if found.gap is None else percent(max(0.0, found.gap))]
    cells += ["yes" if found.stopped == "proved" else "no", _to_free(found, free)]
    cells += [_time(found.first_s), _time(found.best_s)]
    cells += [f"{found.peak_bytes / 2**20:.0f} MiB", _time(found.verify_s)]
    return f"| {' | '.join(cells)} |"


def _time(value: float | None) -> str:
    return "-" if value is None else seconds(value)


def _to_free(found: Measured, free: Measured | None) -> str:
    if free is None or found is free or found.value is None:
        return ""
    if free.value is None:
        return "BUG: free has no plan"
    loss = found.value / free.value - 1
    if loss < -_NOISE:
        return f"BUG: -{percent(-loss)}"
    return f"+{percent(max(0.0, loss))}"


def _apart(case: Case, limit: float, workers: int) -> Measured:
    """Measure in a fresh process, so that the memory of one solve is not that of another."""
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=context) as pool:
        return pool.submit(measure, case, limit, workers).result()


def main(arguments: list[str]) -> None:
    """Print the table, a line as soon as it is known; what went wrong on standard error."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.plans")
    parser.add_argument("--time-limit", type=float, default=20.0, help="seconds of each solve")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("words", metavar="WORD", nargs="*")
    given = parser.parse_args(arguments)
    header = COLUMNS.split(",")
    sys.stdout.write(f"| {' | '.join(header)} |\n|{'---|' * len(header)}\n")
    free: dict[str, Measured] = {}
    for case in cases():
        if given.words and not any(word in f"{case.group} {case.name}" for word in given.words):
            continue
        found = _apart(case, given.time_limit, given.workers)
        if case.name == FREE:
            free[case.group] = found
        sys.stdout.write(row(case, found, free.get(case.group)) + "\n")
        sys.stdout.flush()
        for note in found.notes:
            sys.stderr.write(f"{case.group}, {case.name}: {note}\n")


if __name__ == "__main__":
    main(sys.argv[1:])
