"""The report of `mmp calibrate`: what was fitted, how well it is known, and what to run next."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.console import RenderableType
from rich.text import Text

from solver.calibration.advice import advice, is_open
from solver.calibration.calibrate import Calibration
from solver.calibration.fit import Fitted
from solver.cli.report.page import draw
from solver.cli.report.table import heading, table
from solver.cli.report.words import count, gib, percent, seconds


def render(calibration: Calibration) -> str:
    """The report as text."""
    return draw(lambda _width: _page(calibration))


def _page(calibration: Calibration) -> Iterator[list[RenderableType]]:
    yield list(_runs(calibration))
    yield list(_numbers(calibration))
    if calibration.candidates:
        yield list(_candidates(calibration))
    if calibration.fit.together:
        yield list(_together(calibration))
    unknown = [number for number in calibration.fit.numbers if is_open(number)]
    if unknown:
        yield list(_open(unknown))


def _runs(calibration: Calibration) -> Iterator[RenderableType]:
    fit = calibration.fit
    yield heading("Runs", f"{count(len(calibration.runs), 'step time')} fitted")
    rows = []
    for run, before, after in zip(calibration.runs, fit.before, fit.after, strict=True):
        measured = run.step_seconds or 0.0
        rows.append(
            (
                run.name,
                seconds(measured),
                seconds(before),
                _error(before, measured),
                seconds(after),
                _error(after, measured),
            )
        )
    yield table(("", "measured", "before", "error", "after", "error"), rows)
    if calibration.reserve:
        reserve = calibration.reserve
        runs = count(reserve.runs, "run")
        yield Text(f"reserve of memory: {gib(reserve.bytes)} GiB, the most of {runs}")


def _error(predicted: float, measured: float) -> str:
    sign = "+" if predicted >= measured else "-"
    return sign + percent(abs(predicted / measured - 1))


def _numbers(calibration: Calibration) -> Iterator[RenderableType]:
    yield heading("Numbers", "known within a factor, one standard deviation")
    rows = [
        (
            number.parameter.name,
            f"x {number.value / number.parameter.value:.3g}",
            f"{number.factor:.3g}",
            _told(number),
        )
        for number in calibration.fit.numbers
    ]
    yield table(("", "by the library's", "known within", "told by the runs"), rows)


def _told(number: Fitted) -> str:
    return percent(max(0.0, number.told)) if number.told >= 0.01 else "nothing"


def _candidates(calibration: Calibration) -> Iterator[RenderableType]:
    yield heading("Run next", "specs without a run, the most telling first")
    pairs = zip(calibration.candidates, calibration.fit.candidates, strict=True)
    ranked = sorted(pairs, key=lambda pair: -pair[1])
    rows = [(name, f"+-{percent(deviation)}") for name, deviation in ranked]
    yield table(("", "uncertain by"), rows)


def _together(calibration: Calibration) -> Iterator[RenderableType]:
    yield heading("Known only together", "a run that weighs them differently tells them apart")
    rows = [(one.name, other.name) for one, other in calibration.fit.together]
    yield table(("", ""), rows, left=2)


def _open(unknown: Sequence[Fitted]) -> Iterator[RenderableType]:
    yield heading("Still open", "and a run that would tell")
    rows = [(number.parameter.name, advice(number)) for number in unknown]
    yield table(("", ""), rows, left=2)
