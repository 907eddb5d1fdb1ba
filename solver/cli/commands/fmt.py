"""`mmp fmt [FILE...|-]`: the one style."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from solver.cli import streams
from solver.cli.exit_codes import CommandError, ExitCode

STDIN = "-"


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Declare the command."""
    parser = commands.add_parser(
        "fmt",
        help="rewrite files in the one style",
        description="Rewrite files in the one style; folders are searched for .mmp files.",
    )
    parser.add_argument("--check", action="store_true", help="change nothing, name files that do")
    parser.add_argument("--diff", action="store_true", help="change nothing, show the differences")
    parser.add_argument(
        "paths", metavar="FILE", nargs="*", help="files or folders, - for standard input"
    )
    parser.set_defaults(run=run)


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a text comes from and goes to: its name for messages, and its file if it has one."""

    name: str
    path: Path | None  # None: standard input and output


def run(arguments: argparse.Namespace) -> ExitCode:
    """Format every file; one with syntax errors is left as it is and reported."""
    codes = [
        _format(place, arguments.check, arguments.diff)
        for place in _places(arguments.paths or ["."])
    ]
    for code in (ExitCode.USAGE, ExitCode.REJECTED, ExitCode.DIFFERS):
        if code in codes:
            return code
    return ExitCode.DONE


def _format(place: _Place, is_check: bool, is_diff: bool) -> ExitCode:
    from dsl.diagnostic import DiagnosticError
    from dsl.format import format_text
    from solver.cli.diagnostics import report

    try:
        before = _read(place)
        after = format_text(before, place.name)
    except CommandError as error:
        streams.note(f"mmp: {error}")
        return error.code
    except DiagnosticError as error:
        report(error.diagnostics, {place.name: before})
        return ExitCode.REJECTED
    if not is_check and not is_diff:
        _write(place, before, after)
        return ExitCode.DONE
    if after == before:
        return ExitCode.DONE
    _show(place, before, after, is_diff)
    return ExitCode.DIFFERS


def _places(paths: list[str]) -> Iterator[_Place]:
    for name in paths:
        if name == STDIN:
            yield _Place("<stdin>", None)
        else:
            yield from (_Place(str(path), path) for path in _walk(Path(name)))


def _walk(path: Path) -> list[Path]:
    """The file itself, or the `.mmp` files of a folder in order, hidden folders left out."""
    if not path.is_dir():
        return [path]
    return sorted(
        found
        for found in path.rglob("*.mmp")
        if found.is_file()
        and not any(part.startswith(".") for part in found.relative_to(path).parts)
    )


def _read(place: _Place) -> str:
    from solver.cli.files import read_bytes

    data = sys.stdin.buffer.read() if place.path is None else read_bytes(place.path)
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise CommandError(f"{place.name} is not UTF-8 text", ExitCode.REJECTED) from error


def _show(place: _Place, before: str, after: str, is_diff: bool) -> None:
    if not is_diff:
        streams.write_data(f"{place.name}\n")
        return
    import difflib

    lines = difflib.unified_diff(
        before.splitlines(keepends=True),
        after.splitlines(keepends=True),
        place.name,
        f"{place.name} (formatted)",
    )
    missing = "\n\\ No newline at end of file\n"
    for line in lines:
        streams.write_data(line if line.endswith("\n") else line + missing)


def _write(place: _Place, before: str, after: str) -> None:
    if place.path is None:
        streams.write_data(after)
    elif after != before:
        from solver.cli.files import write_whole

        write_whole(place.path, after)
        streams.note(f"formatted {place.name}")
