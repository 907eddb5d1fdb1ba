"""`mmp check SPEC...`: read, resolve and check, without solving anything."""

from __future__ import annotations

import argparse

from solver.cli import overrides, streams
from solver.cli.exit_codes import ExitCode


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Declare the command."""
    parser = commands.add_parser(
        "check",
        help="read and check specs and libraries",
        description="Read, resolve and check specs and libraries; print every finding.",
    )
    parser.add_argument("specs", metavar="SPEC", nargs="+", help="a .mmp file")
    overrides.add(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> ExitCode:
    """Check every file given, all findings to standard error, a summary last."""
    from dsl.load import read
    from solver.cli.diagnostics import report

    given = overrides.mapping(arguments)
    errors = warnings = 0
    for spec in arguments.specs:
        loaded = read(spec, given)
        findings = loaded.diagnostics
        report(findings, loaded.sources)
        errors += sum(found.severity == "error" for found in findings)
        warnings += sum(found.severity == "warning" for found in findings)
    files = _count(len(arguments.specs), "file")
    streams.note(f"{files} checked: {_count(errors, 'error')}, {_count(warnings, 'warning')}")
    return ExitCode.REJECTED if errors else ExitCode.DONE


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
