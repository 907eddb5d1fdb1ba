"""`mmp`: reads the command line, runs one command, and turns every end into an exit code."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from solver.cli import frozen, streams
from solver.cli.commands import (
    calibrate,
    check,
    completion,
    diff,
    eval,
    explain,
    export,
    fmt,
    import_,
    init,
    lib,
    lock,
    lsp,
    report,
    schema,
    sensitivity,
    solve,
    sweep,
    verify,
)
from solver.cli.exit_codes import CommandError, ExitCode

COMMANDS = (
    check,
    solve,
    sweep,
    verify,
    diff,
    report,
    eval,
    explain,
    export,
    calibrate,
    sensitivity,
    import_,
    fmt,
    schema,
    init,
    lock,
    lib,
    completion,
    lsp,
)


def main(argv: Sequence[str] | None = None) -> int:
    """Run `mmp` with the given arguments (None: those of the process) and return its exit code."""
    streams.prepare()
    try:
        parser = command_line()
        arguments = parser.parse_args(argv)
        if arguments.version:
            return int(_print_version())
        if arguments.run is None:
            parser.error("a COMMAND is needed")
        frozen.check(arguments)
        return int(arguments.run(arguments))
    except CommandError as error:
        streams.note(f"mmp: {error}")
        return int(error.code)
    except KeyboardInterrupt:
        streams.note("mmp: interrupted")
        return int(ExitCode.INTERRUPTED)
    except Exception as error:
        return int(_last_resort(error))


def command_line() -> argparse.ArgumentParser:
    """The whole command line."""
    parser = argparse.ArgumentParser(
        prog="mmp",
        description="Plan distributed training of large neural networks from a text file.",
        epilog="Exit codes: 0 done, 1 errors in the spec or plan rejected, 2 usage, 3 fmt or diff "
        "found differences, 10 proven infeasible, 11 limit without a plan, 12 interrupted without "
        "a plan, 20 solver failed, 70 bug.",
    )
    parser.add_argument("--version", action="store_true", help="print the version and exit")
    parser.set_defaults(run=None)
    commands = parser.add_subparsers(title="commands", metavar="COMMAND")
    for command in COMMANDS:
        command.add(commands)
    return parser


def _print_version() -> ExitCode:
    from solver.cli.versions import version_of

    streams.write_data(f"mmp {version_of('mmp')}\n")
    return ExitCode.DONE


def _last_resort(error: Exception) -> ExitCode:
    """Wrong text of the user's, or a bug of ours."""
    from dsl.diagnostic import DiagnosticError

    if isinstance(error, DiagnosticError):
        from solver.cli.diagnostics import report

        report(error.diagnostics, getattr(error, "sources", None))
        return ExitCode.REJECTED
    import traceback

    from solver.cli.files import save_aside

    try:
        where = save_aside("".join(traceback.format_exception(error)), ".txt")
        details = f"details are in {where}"
    except OSError as failed:
        details = f"details could not be saved ({failed.strerror}): {error}"
    streams.note(f"mmp: internal error ({type(error).__name__}); this is a bug of mmp, {details}")
    return ExitCode.INTERNAL


if __name__ == "__main__":
    raise SystemExit(main())
