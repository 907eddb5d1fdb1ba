"""Tables of the pipeline operator scheduler, one group per claim.

    python -m tests.benchmarks.schedule [GROUP...] [--time-limit S]

Without GROUP all groups run, one after the other. `--time-limit` replaces the time limit of every
row, in seconds. Each schedule behind a figure is judged by the verifier's simulation.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterable

from tests.benchmarks import (
    schedule_branches,
    schedule_dualpipe,
    schedule_families,
    schedule_linear,
    schedule_measured,
    schedule_published,
    schedule_v,
)

GROUPS: dict[str, Callable[[float | None], Iterable[str]]] = {
    "linear": schedule_linear.lines,
    "v": schedule_v.lines,
    "published": schedule_published.lines,
    "families": schedule_families.lines,
    "dualpipe": schedule_dualpipe.lines,
    "measured": schedule_measured.lines,
    "branches": schedule_branches.lines,
}


def main(arguments: list[str] | None = None) -> None:
    """Print the tables of the groups asked for."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.schedule")
    parser.add_argument("groups", nargs="*", metavar="GROUP", help=f"of {', '.join(GROUPS)}")
    parser.add_argument("--time-limit", type=float, metavar="S", help="seconds of every row")
    asked = parser.parse_args(arguments)
    unknown = sorted(set(asked.groups) - set(GROUPS))
    if unknown:
        parser.error(f"no group `{unknown[0]}`; there are {', '.join(GROUPS)}")
    for name in asked.groups or GROUPS:
        sys.stdout.write(f"### {name}\n\n")
        for line in GROUPS[name](asked.time_limit):
            sys.stdout.write(f"{line}\n")
            sys.stdout.flush()
        sys.stdout.write("\n")


if __name__ == "__main__":
    main()
