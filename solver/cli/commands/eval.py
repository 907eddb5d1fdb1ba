"""`mmp eval`: what known configurations cost, without search."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from solver.cli import streams
from solver.cli.exit_codes import CommandError, ExitCode

if TYPE_CHECKING:
    from solver.configuration.table import Table

_SHOWN = 5  # reasons that are listed


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Declare the command."""
    parser = commands.add_parser(
        "eval",
        help="price known configurations without search",
        description="Predict the step time and the peak memory of every configuration of a table.",
    )
    parser.add_argument(
        "--table",
        metavar="ROWS.csv",
        type=Path,
        required=True,
        help="a table of configurations, one a row; its columns are in solver/configuration",
    )
    parser.add_argument(
        "-o",
        dest="output",
        metavar="OUT.csv",
        type=Path,
        help="write the table with its predictions here (default: standard output)",
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> ExitCode:
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
