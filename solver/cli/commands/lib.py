"""`mmp lib list|show [NAME]`: what libraries offer."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from solver.cli import streams
from solver.cli.exit_codes import CommandError, ExitCode

if TYPE_CHECKING:
    from solver.catalogue.offers import Library


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Declare the command."""
    parser = commands.add_parser(
        "lib",
        help="show what libraries offer",
        description="Show what the libraries of this folder's project (mmp.toml here or above) and "
        "the standard library offer: devices, operator kinds, models, strategies, parameters.",
    )
    actions = parser.add_subparsers(title="actions", metavar="ACTION", required=True)
    for name, words in (
        ("list", "the modules of every library, and how much each has"),
        ("show", "everything with its doc comments; without a NAME, of the project's libraries"),
    ):
        action = actions.add_parser(name, help=words, description=f"Print {words}.")
        action.add_argument(
            "name",
            metavar="NAME",
            nargs="?",
            help="a library (acme, stdlib), a module (acme.zero), or something declared (fsdp)",
        )
        action.add_argument(
            "--json", action="store_true", help="print an mmp-library/1 document instead"
        )
        action.set_defaults(run=run, is_whole=name == "show")


def run(arguments: argparse.Namespace) -> ExitCode:
    """Print what is asked for; a name that nothing has is a usage error."""
    from solver import json_text
    from solver.catalogue.document import document
    from solver.catalogue.text import listing, page

    found = _named(arguments.name) if arguments.name else _in_sight(arguments.is_whole)
    if arguments.json:
        streams.write_data(json_text.dumps(document(found)))
    else:
        streams.write_data(page(found) if arguments.is_whole else listing(found))
    return ExitCode.DONE


def _in_sight(is_whole: bool) -> tuple[Library, ...]:
    """What is shown without a name; the standard library is long."""
    from solver.catalogue.read import read_project, read_standard

    own = read_project(Path())
    return own if is_whole and own else (*own, read_standard())


def _named(name: str) -> tuple[Library, ...]:
    """What has the name in the project's libraries, or else in the standard one."""
    from dsl.suggest import did_you_mean
    from solver.catalogue.choose import choose, names
    from solver.catalogue.read import read_project, read_standard

    own = read_project(Path())
    found = choose(own, name)
    if found:
        return found
    standard = (read_standard(),)
    found = choose(standard, name)
    if found:
        return found
    hint = did_you_mean(name, names((*own, *standard))) or "`mmp lib list` names the modules"
    raise CommandError(f"no library, module or declaration is called `{name}`; {hint}")
