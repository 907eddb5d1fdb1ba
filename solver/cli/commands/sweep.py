"""`mmp sweep SPEC --over NAME=V1,V2,...`: a plan at every point of a grid, and the best of them."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from solver import json_text
from solver.cli import overrides, places, settings, streams
from solver.cli.exit_codes import CommandError, ExitCode

if TYPE_CHECKING:
    from solver.cli.sweeping import Done, Point
    from solver.sweep.grid import Axis, Values


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Declare the command."""
    parser = commands.add_parser(
        "sweep",
        help="plan a spec at every point of a grid of parameters",
        description="Plan a spec for every combination of parameter values; show a table and the "
        "Pareto front of step time, memory and devices.",
    )
    parser.add_argument("spec", metavar="SPEC", help="a .mmp file")
    parser.add_argument(
        "--over",
        metavar="NAME=V1,V2,...",
        action="append",
        type=_axis,
        required=True,
        help="values of a `param`, as -D takes them (may be repeated: the product is planned)",
    )
    parser.add_argument(
        "-o", dest="output", metavar="DIR", type=Path, help="write every plan into this folder"
    )
    settings.add(parser, "point", "the same plans")
    places.add(parser, "points")
    parser.add_argument(
        "--json", action="store_true", help="print an mmp-sweep/1 document instead of the table"
    )
    overrides.add(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> ExitCode:
    """Plan every point; one that fails is shown as such and costs the others nothing."""
    from solver.cli.sweeping import exit_code, read_points, report_rejected
    from solver.sweep.grid import points

    given = overrides.mapping(arguments)
    _check(arguments, given)
    grid = points(arguments.over)
    read = read_points(arguments.spec, given, grid)
    report_rejected(read)
    if all(point.spec is None for point in read):
        return ExitCode.REJECTED
    files = _files(arguments.output, grid)
    done, is_all_written = _plan(arguments, read, files)
    _print(arguments, done)
    return exit_code(done) if is_all_written else ExitCode.USAGE


def _check(arguments: argparse.Namespace, given: dict[str, str]) -> None:
    """Raise CommandError where the options cannot be what was meant."""
    from solver.cli.tasks import is_instance

    if is_instance(arguments.spec):
        raise CommandError(f"a sweep is over the parameters of a spec; {arguments.spec} is none")
    names = [axis.name for axis in arguments.over]
    for place, name in enumerate(names):
        if name in names[:place]:
            raise CommandError(f"--over {name} is given twice")
        if name in given:
            raise CommandError(f"-D and --over both set {name}")


def _files(folder: Path | None, grid: Sequence[Values]) -> tuple[Path | None, ...]:
    """The file of every point, in a folder that is there and can be written to."""
    from solver.cli.files import check_writable
    from solver.sweep.grid import file_name

    if folder is None:
        return (None,) * len(grid)
    try:
        files = tuple(folder / file_name(values) for values in grid)
        folder.mkdir(exist_ok=True)
    except ValueError as error:
        raise CommandError(str(error)) from error
    except OSError as error:
        raise CommandError(f"cannot make the folder {folder}: {error.strerror}") from error
    for file in files:
        check_writable(file)
    return files


def _plan(
    arguments: argparse.Namespace, read: Sequence[Point], files: Sequence[Path | None]
) -> tuple[tuple[Done, ...], bool]:
    """Every point in the order of the grid, and whether every plan could be written.

    A plan is written as soon as it is there, so that nothing that comes later can lose it.
    """
    from solver.cli.report.sweep import summary_line
    from solver.cli.sweeping import rejected, settled
    from solver.cli.tasks.point import solve_point
    from solver.events import Options
    from solver.isolate.interrupts import Interrupts
    from solver.sweep.relay import Relay
    from solver.sweep.run import completed

    options = Options(
        arguments.time_limit, arguments.workers, arguments.seed, arguments.reproducible
    )
    done = {at: rejected(point) for at, point in enumerate(read) if point.spec is None}
    total, is_all_written = len(read) - len(done), True
    with Interrupts() as interrupts, places.place(arguments, Relay(interrupts, len(read))) as place:
        work = {
            at: partial(solve_point, point.spec, options, place.hearing(at))
            for at, point in enumerate(read)
            if point.spec is not None
        }
        for number, (at, answer) in enumerate(completed(place, work, interrupts), 1):
            one = settled(read[at], answer)
            written, is_written = _write(one, files[at])
            done[at] = written
            is_all_written = is_all_written and is_written
            streams.note(f"mmp: {number} of {total}: {summary_line(written.outcome)}")
    return tuple(done[at] for at in range(len(read))), is_all_written


def _write(one: Done, file: Path | None) -> tuple[Done, bool]:
    """The point with the name of its file, and whether there was nothing that stayed unwritten."""
    from solver.cli.files import save_aside, write_whole

    plan = one.outcome.plan
    if plan is None or file is None:
        return one, True
    text = json_text.dumps(plan)
    is_written, where = True, str(file)
    try:
        write_whole(file, text)
    except CommandError as error:
        is_written, where = False, save_aside(text, ".json")
        streams.note(f"mmp: {error}; the plan is in {where}")
    return replace(one, outcome=replace(one.outcome, file=where)), is_written


def _print(arguments: argparse.Namespace, done: Sequence[Done]) -> None:
    """The table, or the document, on standard output."""
    from solver.cli.report.sweep import render
    from solver.sweep.outcome import to_json

    outcomes = [one.outcome for one in done]
    if arguments.json:
        document = to_json(arguments.spec, arguments.over, outcomes)
        text = json_text.dumps(document)
    else:
        text = render(arguments.spec, arguments.over, outcomes)
    streams.write_data(text)


def _axis(text: str) -> Axis:
    from solver.sweep.grid import axis

    try:
        return axis(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error
