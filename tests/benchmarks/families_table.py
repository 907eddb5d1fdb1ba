"""The table that `tests.benchmarks.families` prints: a row per family, from what was measured."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from solver.cli.report.words import percent, seconds
from tests.benchmarks.families_cases import Family
from tests.benchmarks.families_hand_run import Hands
from tests.benchmarks.plan_run import Measured

_PLAN = ["step time", "bound", "gap", "target", "verified", "first plan", "wall", "memory", "plan"]
_HANDS = ["best hand strategy", "its step time", "better by", "hand strategies"]
COLUMNS = ["model", "devices", *_PLAN, *_HANDS]
_NOISE = 1e-4  # of a value: the grain of the solver's clock


@dataclass(frozen=True, slots=True)
class Row:
    """What is known of a family; a part that has not been run is None."""

    family: Family
    free: Measured | None
    hands: Hands | None


def cells(row: Row) -> list[str]:
    """One line of the table; what is not known is left empty, what does not exist is `-`."""
    found = [row.family.name, f"{row.family.devices:,}"]
    found += [""] * len(_PLAN) if row.free is None else _plan(row.family, row.free)
    return found + ([""] * len(_HANDS) if row.hands is None else _hands(row.free, row.hands))


def _plan(family: Family, free: Measured) -> list[str]:
    size = free.document_bytes
    return [
        _time(free.value),
        _time(free.bound),
        "-" if free.gap is None else percent(max(0.0, free.gap)),
        _target(family, free),
        "yes" if free.verified else "NO",
        _time(free.first_s),
        seconds(free.wall_s),
        f"{free.peak_bytes / 2**20:,.0f} MiB",
        f"{size / 1e6:.2f} MB" if size else "-",
    ]


def _target(family: Family, free: Measured) -> str:
    if family.target is None:
        return ""
    met = free.gap is not None and free.gap <= family.target
    return f"{'met' if met else 'MISSED'}: {percent(family.target)} in {family.seconds:g} s"


def _hands(free: Measured | None, hands: Hands) -> list[str]:
    counts = ", ".join(f"{number} {ended}" for ended, number in sorted(hands.ended.items()))
    if hands.best is None or hands.best.value is None:
        return ["-", "-", "", counts]
    better = "" if free is None else _better(free.value, hands.best.value)
    return [hands.best.name, seconds(hands.best.value), better, counts]


def _better(free: float | None, hand: float) -> str:
    """How much longer the step of the hand strategy is; a plan that is worse is a bug."""
    if free is None:
        return "BUG: no plan"
    gain = hand / free - 1
    return f"BUG: -{percent(-gain)}" if gain < -_NOISE else percent(max(0.0, gain))


def _time(value: float | None) -> str:
    return "-" if value is None else seconds(value)


def markdown(rows: Sequence[Row]) -> str:
    """The table for a page."""
    lines = [COLUMNS, ["---"] * len(COLUMNS), *map(cells, rows)]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def plain(rows: Sequence[Row]) -> str:
    """The table for a terminal."""
    lines = [COLUMNS, *map(cells, rows)]
    widths = [max(len(line[i]) for line in lines) for i in range(len(COLUMNS))]
    padded = ("  ".join(c.ljust(w) for c, w in zip(line, widths, strict=True)) for line in lines)
    return "".join(line.rstrip() + "\n" for line in padded)
