"""`mmp calibrate`: fit the numbers of devices to measured runs of known configurations."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from solver.cli import overrides, streams
from solver.cli.exit_codes import CommandError, ExitCode

if TYPE_CHECKING:
    from solver.calibration.calibrate import Calibration
    from solver.calibration.runs import Run


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Declare the command."""
    parser = commands.add_parser(
        "calibrate",
        help="fit devices to measured runs",
        description="Fit efficiencies, latencies and the overlap of the devices of some specs to "
        "measured runs of them; say how well each number is known and which run would tell more. "
        "Specs must leave nothing open (as for `mmp eval`); those without a run are candidates for "
        "the next one.",
    )
    parser.add_argument("specs", metavar="SPEC", nargs="+", help="a .mmp file")
    parser.add_argument(
        "--runs",
        metavar="RUNS.csv",
        type=Path,
        required=True,
        help="columns `spec`, `step_time_s`, `peak_mem_gib`, and one per `param` that a run sets",
    )
    parser.add_argument(
        "-o",
        dest="output",
        metavar="OUT.mmp",
        type=Path,
        help="write the fitted devices here, a library file for specs to import",
    )
    overrides.add(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> ExitCode:
    """Fit, write the library file and report."""
    from solver.calibration.library import library
    from solver.cli.files import check_writable, write_whole
    from solver.cli.report.calibration import render

    if arguments.output is not None:
        check_writable(arguments.output)
    calibration = _calibrate(arguments)
    if arguments.output is not None:
        write_whole(arguments.output, library(calibration))
    streams.write_data(render(calibration))
    return ExitCode.DONE


def _calibrate(arguments: argparse.Namespace) -> Calibration:
    from dsl.load import load
    from solver.calibration.calibrate import calibrate
    from solver.pinned.findings import OpenError

    given = overrides.mapping(arguments)
    runs = _read(arguments.runs, arguments.specs)
    taken = {run.spec for run in runs}
    measured = [(run, load(run.spec, {**given, **run.overrides})) for run in runs]
    unmeasured = {path: load(path, given) for path in arguments.specs if path not in taken}
    try:
        return calibrate(measured, unmeasured)
    except OpenError as error:
        lines = "".join(f"\n  {words}" for words in error.decisions)
        message = f"a spec leaves decisions open, so it has no one price:{lines}"
        raise CommandError(message, ExitCode.REJECTED) from error
    except ModuleNotFoundError as error:
        if error.name != "scipy":
            raise
        raise CommandError(
            "calibrate needs scipy: pip install 'mmp[calibrate]'", ExitCode.USAGE
        ) from error


def _read(path: Path, specs: list[str]) -> tuple[Run, ...]:
    from solver.calibration.runs import RunsError, read_runs
    from solver.cli.files import read_bytes

    try:
        return read_runs(read_bytes(path).decode("utf-8-sig"), specs)
    except UnicodeDecodeError as error:
        message = f"{path}: byte {error.start} is not UTF-8"
        raise CommandError(message, ExitCode.REJECTED) from error
    except RunsError as error:
        raise CommandError(f"{path}: {error}", ExitCode.REJECTED) from error
