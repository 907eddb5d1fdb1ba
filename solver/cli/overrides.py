"""`-D name=value` and `--frozen`, for every command that reads a spec."""

from __future__ import annotations

import argparse

from solver.cli import frozen


def add(parser: argparse.ArgumentParser) -> None:
    """Add both options; the values of `-D` arrive as pairs in `arguments.overrides`."""
    parser.add_argument(
        "-D",
        dest="overrides",
        metavar="NAME=VALUE",
        action="append",
        type=_pair,
        default=[],
        help="set a `param` of the spec (may be repeated)",
    )
    frozen.add(parser)


def mapping(arguments: argparse.Namespace) -> dict[str, str]:
    """The overrides given, in order. A name given twice is a usage error."""
    found: dict[str, str] = {}
    for name, value in arguments.overrides:
        if name in found:
            from solver.cli.exit_codes import CommandError

            raise CommandError(f"-D {name} is given twice")
        found[name] = value
    return found


def _pair(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not name.strip().isidentifier() or not value.strip():
        raise argparse.ArgumentTypeError(f"expected NAME=VALUE, found {text!r}")
    return name.strip(), value.strip()
