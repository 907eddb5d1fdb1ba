"""`mmp diff A B`: what tells two plans apart."""

from __future__ import annotations

import argparse

from solver.cli import streams
from solver.cli.exit_codes import ExitCode


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Declare the command."""
    parser = commands.add_parser(
        "diff",
        help="say what changed from one plan to another",
        description="Say how two plans differ: time, memory, pins, shardings, storage, stages and "
        "order. A plan is a file, PATH@REVISION for a file as it was at a git revision, or git's "
        "own REVISION:PATH. Exit code 3 where they differ, 0 where they do not.",
    )
    parser.add_argument("before", metavar="A", help="a plan document")
    parser.add_argument("after", metavar="B", help="another")
    parser.add_argument(
        "--json", action="store_true", help="print an mmp-diff/1 document instead of the text"
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> ExitCode:
    """Compare two plans; DIFFERS where a decision or a figure is another."""
    from solver.cli.saved.place import place_of
    from solver.cli.saved.plan import read_plan
    from solver.comparison.compare import compare, document, notes
    from solver.comparison.render import render

    places = [place_of(name) for name in (arguments.before, arguments.after)]
    before, after = (read_plan(place) for place in places)
    found, also = compare(before, after), notes(before, after)
    view = document if arguments.json else render
    streams.write_data(view(arguments.before, arguments.after, found, also))
    return ExitCode.DIFFERS if found else ExitCode.DONE
