"""Whole families of models, each planned freely and beside every hand strategy: one table.

    python -m tests.benchmarks.families [--only WORD]... [--part free|hands|table]
        [--time-limit-scale X] [--hand-seconds S] [--jobs N] [--results DIR] [--markdown]

Without `--part` both parts are run and the table is printed. With `--results` what is measured is
kept as `DIR/FAMILY.free.json` and `DIR/FAMILY.hands.json`, so that parts can be run one at a time,
and `--part table` shows what is there. The spec of the best hand strategy is written as
`DIR/FAMILY.best_hand.mmp`. Progress goes to standard error.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import sys
import tempfile
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tests.benchmarks.families_cases import FAMILIES, Family
from tests.benchmarks.families_hand_run import Hands, Priced, price_all
from tests.benchmarks.families_hands import hands
from tests.benchmarks.families_table import Row, markdown, plain
from tests.benchmarks.plan_cases import FREE, Case
from tests.benchmarks.plan_run import Measured, measure


def main(arguments: list[str]) -> None:
    """Run the parts that are asked for, family by family, then print the table."""
    given = _parser().parse_args(arguments)
    chosen = [f for f in FAMILIES if not given.only or any(w in f.title for w in given.only)]
    with tempfile.TemporaryDirectory() as scratch:
        folder = given.results or Path(scratch)
        folder.mkdir(parents=True, exist_ok=True)
        for family in chosen:
            if given.part in (None, "free"):
                _free(family, folder, given)
            if given.part in (None, "hands"):
                _hands(family, folder, given)
        rows = [_row(family, folder) for family in chosen]
    sys.stdout.write((markdown if given.markdown else plain)(rows))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.families")
    parser.add_argument("--only", action="append", metavar="WORD", help="families so named")
    parser.add_argument("--part", choices=("free", "hands", "table"))
    parser.add_argument("--time-limit-scale", type=float, default=1.0, metavar="X")
    parser.add_argument("--workers", type=int, default=2, help="of each free solve")
    parser.add_argument("--hand-seconds", type=float, default=5.0, help="of each hand strategy")
    parser.add_argument("--jobs", type=int, default=2, help="hand strategies at a time")
    parser.add_argument("--results", type=Path, metavar="DIR", help="where results are kept")
    parser.add_argument("--markdown", action="store_true")
    return parser


def _free(family: Family, folder: Path, given: argparse.Namespace) -> None:
    """Plan the family with nothing pinned, in a fresh process: its memory is then its own."""
    limit = family.seconds * given.time_limit_scale
    context = multiprocessing.get_context("spawn")
    case = Case(family.name, FREE, family.spec())
    with ProcessPoolExecutor(1, mp_context=context) as pool:
        found = pool.submit(measure, case, limit, given.workers).result()
    for note in found.notes:
        sys.stderr.write(f"{family.title}: {note}\n")
    _write(folder / f"{family.key}.free.json", asdict(found))


def _hands(family: Family, folder: Path, given: argparse.Namespace) -> None:
    every = list(hands(family))
    sys.stderr.write(f"{family.title}: {len(every)} hand strategies\n")

    def tell(priced: Priced) -> None:
        value = "-" if priced.value is None else f"{priced.value:.4g} s"
        sys.stderr.write(f"  {priced.name}: {value}, {priced.ended}\n")

    found = price_all(every, given.hand_seconds, given.jobs, tell)
    _write(folder / f"{family.key}.hands.json", asdict(found))
    (folder / f"{family.key}.best_hand.mmp").write_text(found.text, encoding="utf-8")


def _write(path: Path, value: dict[str, Any]) -> None:
    path.write_text(json.dumps(value, indent=1) + "\n", encoding="utf-8")


def _row(family: Family, folder: Path) -> Row:
    """What the folder holds of a family."""
    free, hand = (_read(folder / f"{family.key}.{part}.json") for part in ("free", "hands"))
    return Row(
        family,
        None if free is None else Measured(**{**free, "notes": tuple(free["notes"])}),
        None if hand is None else _hands_of(hand),
    )


def _hands_of(read: dict[str, Any]) -> Hands:
    best = None if read["best"] is None else Priced(**read["best"])
    return Hands(best, read["text"], read["ended"], tuple(Priced(**p) for p in read["priced"]))


def _read(path: Path) -> dict[str, Any] | None:
    if not path.exists():
        return None
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return found


if __name__ == "__main__":
    main(sys.argv[1:])
