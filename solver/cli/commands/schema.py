"""`mmp schema plan`: the JSON Schema of the documents that `mmp` writes."""

from __future__ import annotations

import argparse

from solver.cli import streams
from solver.cli.exit_codes import ExitCode


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Declare the command."""
    parser = commands.add_parser(
        "schema",
        help="print the JSON Schema of a document",
        description="Print the JSON Schema (draft 2020-12) of a document that mmp writes.",
    )
    parser.add_argument(
        "document", choices=("plan",), help="plan: what `mmp solve --json` writes (mmp-plan/1)"
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> ExitCode:
    """Print the schema asked for; there is one so far."""
    from solver.plan.schema import schema_text

    del arguments
    streams.write_data(schema_text())
    return ExitCode.DONE
