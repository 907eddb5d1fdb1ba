"""The zero-bubble paper's table: its fixed schedules reproduced, its searched ones beaten."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from solver.schedule import estimate
from tests.benchmarks.schedule_run import run, table
from tests.schedule.published import ROUNDED, Published, published

FIXED = (("1F1B", "one_f_one_b"), ("ZB_H1", "zb_h1"), ("ZB_H2", "zb_h2"))


def lines(seconds: float | None) -> Iterable[str]:
    """Bubble rates; the objective is the largest span."""
    names = [name.replace("_", "-") for name, _ in FIXED]
    yield from table(
        ("model", "M", *(f"{n} published, here" for n in names)), map(_reproduced, published())
    )
    yield ""
    header = ("model", "M", "memory", "held", "published", "start", "bubble rate", "bound")
    yield from table(
        (*header, "at most theirs", "gap of the span", "seconds"), _rows(seconds or 30.0)
    )


def _reproduced(row: Published) -> tuple[object, ...]:
    problem = row.problem(2 * row.stages, early_release=False)
    return (
        row.model,
        row.microbatches,
        *(
            f"{row.rates[name]:.4f}, {row.rate(estimate(replace(problem, family=family))):.5f}"
            for name, family in FIXED
        ),
    )


def _rows(seconds: float) -> Iterator[tuple[object, ...]]:
    for row in published():
        for name, memory, early in (
            ("ZB_1p", row.stages, False),
            ("ZB_1p", row.stages, True),
            ("ZB_2p", 2 * row.stages, False),
            ("ZB_2p", 2 * row.stages, True),
        ):
            yield _row(row, name, memory, early, seconds)


def _row(row: Published, name: str, memory: int, early: bool, seconds: float) -> tuple[object, ...]:
    found = run(row.problem(memory, early_release=early), seconds)
    rate, theirs = row.rate(found.value), row.rates[name]
    better = "less" if rate < theirs - ROUNDED else "equal" if rate < theirs + ROUNDED else "NO"
    return (
        row.model,
        row.microbatches,
        f"{name[-2:]} ({memory})",
        "paper's" if early else "until W",
        f"{theirs:.4f}",
        f"{row.rate(found.start):.5f}",
        f"{rate:.5f}",
        f"{row.rate(found.bound):.5f}",
        better,
        found.gap,
        f"{found.seconds:.1f}",
    )
