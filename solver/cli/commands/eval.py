"""`mmp eval`: what known configurations cost, without search."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from solver.cli import overrides, streams
from solver.cli.exit_codes import CommandError, ExitCode

if TYPE_CHECKING:
    from solver.configuration.table import Table

_SHOWN = 5  # reasons that are listed
_OPEN = 10  # open decisions that are


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Declare the command."""
    parser = commands.add_parser(
        "eval",
        help="price known configurations without search",
        description="Price a spec whose pins leave nothing to choose, term by term; or predict "
        "the step time and the peak memory of every configuration of a table.",
    )
    parser.add_argument("spec", metavar="SPEC", nargs="?", help="a .mmp file")
    parser.add_argument(
        "--table",
        metavar="ROWS.csv",
        type=Path,
        help="a table of configurations, one a row, in place of a spec",
    )
    parser.add_argument(
        "-o",
        dest="output",
        metavar="OUT",
        type=Path,
        help="write the table with its predictions, or the document, here",
    )
    parser.add_argument(
        "--json", action="store_true", help="print an mmp-eval/1 document instead of the report"
    )
    overrides.add(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> ExitCode:
    """Price a spec, or every row of a table."""
    if (arguments.spec is None) == (arguments.table is None):
        raise CommandError("give either a SPEC or --table ROWS.csv")
    if arguments.table is None:
        return _price_spec(arguments)
    if arguments.json or arguments.overrides:
        raise CommandError("--json and -D are for a SPEC")
    return _price_table(arguments)


def _price_spec(arguments: argparse.Namespace) -> ExitCode:
    """The report of a pinned spec; what it leaves open is named, and ends with REJECTED."""
    from dsl.load import load
    from solver import json_text
    from solver.cli.files import check_writable, write_whole
    from solver.cli.report.evaluation import render
    from solver.pinned.document import document
    from solver.pinned.evaluate import evaluate_pinned
    from solver.pinned.findings import OpenError

    if arguments.output is not None:
        check_writable(arguments.output)
    spec = load(arguments.spec, overrides.mapping(arguments))
    try:
        priced = document(evaluate_pinned(spec), spec)
    except OpenError as error:
        lines = "".join(f"\n  {words}" for words in error.decisions[:_OPEN])
        more = len(error.decisions) - _OPEN
        lines += f"\n  and {more} more" if more > 0 else ""
        message = f"{arguments.spec} leaves decisions open, so there is no one price:{lines}"
        raise CommandError(message, ExitCode.REJECTED) from error
    if arguments.output is not None:
        write_whole(arguments.output, json_text.dumps(priced))
    streams.write_data(json_text.dumps(priced) if arguments.json else render(priced, spec))
    return ExitCode.DONE


def _price_table(arguments: argparse.Namespace) -> ExitCode:
    """Price every row; those that have no price say why in the table."""
    from solver.cli.files import check_writable, read_bytes, write_whole
    from solver.configuration.price_table import price_table
    from solver.configuration.table import write_table

    if arguments.output is not None:
        check_writable(arguments.output)
    priced = price_table(_read(arguments.table, read_bytes(arguments.table)))
    text = write_table(priced.columns, priced.rows)
    if arguments.output is None:
        streams.write_data(text)
    else:
        write_whole(arguments.output, text)
    for line in _summary(arguments.table, priced):
        streams.note(line)
    return ExitCode.DONE


def _read(path: Path, data: bytes) -> Table:
    from solver.configuration.table import TableError, read_table

    try:
        return read_table(data.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        message = f"{path}: byte {error.start} is not UTF-8"
        raise CommandError(message, ExitCode.REJECTED) from error
    except TableError as error:
        raise CommandError(f"{path}: {error}", ExitCode.REJECTED) from error


def _summary(path: Path, priced: Table) -> list[str]:
    """How many rows have a price, and the commonest reasons why others have none."""
    reasons: dict[str, int] = {}
    for row in priced.rows:
        if row["why_not"]:
            reasons[row["why_not"]] = reasons.get(row["why_not"], 0) + 1
    refused, count = sum(reasons.values()), len(priced.rows)
    lines = [f"mmp: {path}: {count - refused} of {count} rows priced"]
    shown = sorted(reasons, key=lambda reason: (-reasons[reason], reason))
    lines += [f"  {reasons[reason]} without: {reason}" for reason in shown[:_SHOWN]]
    if len(shown) > _SHOWN:
        lines.append(f"  and {len(shown) - _SHOWN} more reasons, in the column `why_not`")
    return lines
