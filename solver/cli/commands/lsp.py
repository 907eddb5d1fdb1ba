"""`mmp lsp`: the language server of editors, on standard input and output."""

from __future__ import annotations

import argparse
import importlib.util

from solver.cli.exit_codes import CommandError, ExitCode


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Declare the command."""
    parser = commands.add_parser(
        "lsp",
        help="serve an editor",
        description="Speak the Language Server Protocol on standard input and output (needs the "
        "extra mmp[lsp]).",
    )
    parser.add_argument(
        "--stdio", action="store_true", help="what is done in any case; editors like to say it"
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> ExitCode:
    """Serve until the client leaves."""
    del arguments
    if importlib.util.find_spec("pygls") is None:
        raise CommandError("mmp lsp needs pygls: pip install 'mmp[lsp]'")
    from solver.lsp.server import serve

    serve()
    return ExitCode.DONE
