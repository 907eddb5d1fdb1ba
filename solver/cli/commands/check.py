"""`mmp check SPEC...`: read, resolve and check, without solving anything."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import TYPE_CHECKING

from solver.cli import overrides, streams
from solver.cli.exit_codes import ExitCode

if TYPE_CHECKING:
    from dsl.diagnostic import Diagnostic

FORMATS = ("text", "json", "sarif")


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Declare the command."""
    parser = commands.add_parser(
        "check",
        help="read and check specs and libraries",
        description="Read, resolve and check specs and libraries; print every finding.",
    )
    parser.add_argument("specs", metavar="SPEC", nargs="+", help="a .mmp file")
    parser.add_argument(
        "--format",
        choices=FORMATS,
        default="text",
        help="findings as text on standard error (the default), or as a document on standard "
        "output: json, or sarif for code hosts",
    )
    overrides.add(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> ExitCode:
    """Check every file given, all findings in the form asked for, a summary last."""
    from dsl.load import read
    from solver.cli.diagnostics import report
    from solver.cli.findings import count

    given = overrides.mapping(arguments)
    findings: list[Diagnostic] = []
    for spec in arguments.specs:
        loaded = read(spec, given)
        if arguments.format == "text":
            report(loaded.diagnostics, loaded.sources)
        findings.extend(loaded.diagnostics)
    if arguments.format != "text":
        _write(arguments.format, arguments.specs, findings)
    errors, warnings = count(findings, "error"), count(findings, "warning")
    files = _words(len(arguments.specs), "file")
    streams.note(f"{files} checked: {_words(errors, 'error')}, {_words(warnings, 'warning')}")
    return ExitCode.REJECTED if errors else ExitCode.DONE


def _write(form: str, specs: Sequence[str], findings: Sequence[Diagnostic]) -> None:
    from solver.cli.findings import json_document, sarif_document
    from solver.json_text import dumps

    document = json_document(specs, findings) if form == "json" else sarif_document(findings)
    streams.write_data(dumps(document))


def _words(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
