"""Table of the two-level search beside the joint optimum of random small problems.

    python -m tests.benchmarks.two_level [--count N] [--first SEED] [--time-limit S] [--keep FOLDER]

The problems are those of `tests/solver/joint/problems.py`, numbered; the optimum is that of
`tests/solver/joint/optimum.py`, proven by one CP-SAT model per split and priced by the verifier.
`equal` counts plans within 1e-4 of the optimum, `proved` those that the search itself proved,
`worst` is the largest loss, `above` counts bounds above the optimum and other claims that are wrong
(there must be none). Specs that are not equal are kept with both values. One worker each, one after
the other; nothing fails for being slow.
"""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Sequence
from pathlib import Path
from statistics import median

from solver.cli.report.words import percent, seconds
from tests.solver.joint.compare import Comparison, compare
from tests.solver.joint.optimum import NotProvedError
from tests.solver.joint.problems import Problem, problem

COLUMNS = "problems,count,no plan,equal,share,proved,worst,above,search,joint model"
ALL = "all"


def row(kind: str, found: Sequence[Comparison]) -> str:
    """One line of the table; times are medians."""
    equal = sum(one.is_equal for one in found)
    cells = [kind, str(len(found)), str(sum(one.optimum is None for one in found)), str(equal)]
    cells += [percent(equal / len(found)), str(sum(one.is_proved for one in found))]
    worst = max(0.0, *(one.loss for one in found), 0.0)
    cells += [percent(worst) if math.isfinite(worst) else "no plan found"]
    cells += [str(sum(not one.is_sound for one in found))]
    cells += [seconds(median(one.search_s for one in found))]
    cells += [seconds(median(one.joint_s for one in found))]
    return f"| {' | '.join(cells)} |"


def _keep(folder: Path, seed: int, given: Problem, found: Comparison | str) -> None:
    """The spec as a file, with what was found as its last line."""
    folder.mkdir(parents=True, exist_ok=True)
    said = found if isinstance(found, str) else f"{found.value} {found.bound} {found.optimum}"
    path = folder / f"joint_fail_{seed}.mmp"
    path.write_text(f"{given.text}// search, bound, optimum: {said}\n", encoding="utf-8")
    sys.stderr.write(f"{path}: {given.kind}: {said}\n")


def main(arguments: list[str]) -> None:
    """Print the table; problems that differ on standard error as they are found."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.two_level")
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--first", type=int, default=0, metavar="SEED")
    parser.add_argument("--time-limit", type=float, default=10.0, help="seconds of each search")
    parser.add_argument("--keep", type=Path, default=Path("two_level_failures"), metavar="FOLDER")
    given = parser.parse_args(arguments)
    kinds: dict[str, list[Comparison]] = {ALL: []}
    for seed in range(given.first, given.first + given.count):
        one = problem(seed)
        try:
            found = compare(one.spec(), given.time_limit)
        except NotProvedError as reason:
            _keep(given.keep, seed, one, f"the joint model is not proved: {reason}")
            continue
        except AssertionError as reason:  # a plan that the verifier rejects
            _keep(given.keep, seed, one, f"the plan is wrong: {reason}".splitlines()[0])
            continue
        if not (found.is_equal and found.is_sound):
            _keep(given.keep, seed, one, found)
        kinds[ALL].append(found)
        kinds.setdefault(one.kind, []).append(found)
    header = COLUMNS.split(",")
    sys.stdout.write(f"| {' | '.join(header)} |\n|{'---|' * len(header)}\n")
    for kind in sorted(kinds, key=lambda k: (k == ALL, k)):
        if kinds[kind]:
            sys.stdout.write(row(kind, kinds[kind]) + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
