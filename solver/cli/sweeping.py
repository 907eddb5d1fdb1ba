"""The points of a sweep on their way: read with their findings, then settled with an exit code."""

from __future__ import annotations

import traceback
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from dsl.diagnostic import Diagnostic
from dsl.load import LoadError, SourceMap, load
from dsl.spec import Spec
from solver.cli import streams
from solver.cli.diagnostics import report
from solver.cli.exit_codes import ExitCode
from solver.cli.files import save_aside
from solver.cli.settle import Settled
from solver.cli.tasks.point import not_run
from solver.sweep.grid import Values, label
from solver.sweep.outcome import Outcome

_WORST_FIRST = (
    ExitCode.INTERNAL,
    ExitCode.INTERRUPTED,
    ExitCode.SOLVER_FAILED,
    ExitCode.REJECTED,
    ExitCode.LIMIT,
    ExitCode.INFEASIBLE,
)
_REJECTED_PLANS = "no plan passed verification"


@dataclass(frozen=True, slots=True)
class Point:
    """A point that was read: its spec, or what is wrong with it (`sources` for excerpts)."""

    values: Values
    spec: Spec | None
    diagnostics: tuple[Diagnostic, ...] = ()
    sources: SourceMap | None = None


@dataclass(frozen=True, slots=True)
class Done:
    """What became of a point, and what `mmp solve` would have exited with."""

    outcome: Outcome
    code: ExitCode


def read_points(path: str, given: Mapping[str, str], grid: Iterable[Values]) -> tuple[Point, ...]:
    """The spec with the values of every point; the values of the sweep come before `given`."""
    return tuple(_read(path, given, values) for values in grid)


def report_rejected(points: Sequence[Point]) -> None:
    """The findings of points that cannot be planned; the same ones are printed once."""
    alike: dict[tuple[Diagnostic, ...], list[Point]] = {}
    for point in points:
        if point.spec is None:
            alike.setdefault(point.diagnostics, []).append(point)
    for diagnostics, group in alike.items():
        more = f" and {len(group) - 1} more" if len(group) > 1 else ""
        streams.note(f"mmp: at {label(group[0].values)}{more}:")
        report(diagnostics, group[0].sources)


def rejected(point: Point) -> Done:
    """A point that cannot be planned."""
    return Done(Outcome(point.values, None, None, point.diagnostics), ExitCode.REJECTED)


def settled(point: Point, answer: Settled | Exception | None) -> Done:
    """A point that was to be planned, from what its executor gave (None: it was cancelled).

    Notes go to standard error, the traceback of a failure to a file.
    """
    assert point.spec is not None
    devices = point.spec.mesh.devices
    if isinstance(answer, Exception):
        where = save_aside("".join(traceback.format_exception(answer)), ".txt")
        failure = f"{type(answer).__name__}: {str(answer).partition(chr(10))[0]}"
        _note(point, f"{failure}; details are in {where}")
        outcome = Outcome(point.values, devices, None, failure=failure)
        return Done(outcome, ExitCode.SOLVER_FAILED)
    ended = answer or not_run()
    for line in ended.notes:
        _note(point, line)
    failure = "" if ended.document is not None else _REJECTED_PLANS
    return Done(Outcome(point.values, devices, ended.document, failure=failure), ended.code)


def exit_code(done: Sequence[Done]) -> ExitCode:
    """Done where any point has a plan; else what is worst, so that 10 is a proof for all."""
    if any(one.outcome.plan is not None for one in done):
        return ExitCode.DONE
    return next(code for code in _WORST_FIRST if any(one.code is code for one in done))


def _read(path: str, given: Mapping[str, str], values: Values) -> Point:
    try:
        return Point(values, load(path, {**dict(values), **given}))
    except LoadError as error:
        return Point(values, None, error.diagnostics, error.sources)


def _note(point: Point, line: str) -> None:
    streams.note(f"mmp: {label(point.values)}: {line}")
