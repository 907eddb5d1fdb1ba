"""`mmp completion SHELL`: a script that completes commands, options and files in a shell."""

from __future__ import annotations

import argparse

from solver.cli import streams
from solver.cli.exit_codes import ExitCode


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Declare the command."""
    parser = commands.add_parser(
        "completion",
        help="print the completion script of a shell",
        description="Print the completion script of a shell; load it from the shell's start file, "
        "such as with: source <(mmp completion bash)",
    )
    parser.add_argument("shell", choices=("bash", "zsh", "fish"), help="which shell")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> ExitCode:
    """Print the script."""
    from solver.cli.main import command_line
    from solver.completion import bash, fish, zsh
    from solver.completion.table import table

    scripts = {"bash": bash.script, "zsh": zsh.script, "fish": fish.script}
    streams.write_data(scripts[arguments.shell](table(command_line())))
    return ExitCode.DONE
