"""The report of `mmp calibrate`: what was fitted, how well it is known, and what to run next."""

from __future__ import annotations

from collections.abc import Iterator

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
    following = list(_next(calibration))
    if following:
        yield following


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


def _next(calibration: Calibration) -> Iterator[RenderableType]:
    fit = calibration.fit
    unknown = [number for number in fit.numbers if is_open(number)]
    if calibration.candidates:
        yield heading("Run next", "specs without a run, the most telling first")
        ranked = sorted(
            zip(calibration.candidates, fit.candidates, strict=True), key=lambda pair: -pair[1]
        )
        rows = [(name, f"+-{percent(deviation)}") for name, deviation in ranked]
        yield table(("", "uncertain by"), rows)
    if fit.together:
        yield heading("Known only together")
        yield table(("", ""), [(one.name, other.name) for one, other in fit.together], left=2)
    if unknown:
        yield heading("Still open", "and a run that would tell")
        yield table(
            ("", ""), [(number.parameter.name, advice(number)) for number in unknown], left=2
        )
