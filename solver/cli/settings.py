"""Options that commands share: limits of a search, and the types of what is read."""

from __future__ import annotations

import argparse


def add(parser: argparse.ArgumentParser, every: str, same: str) -> None:
    """The limits of a search, or of `every` one of several; `same` is what repeats."""
    for_every, of_every = (f" for every {every}", f" of every {every}") if every else ("", "")
    parser.add_argument(
        "--time-limit",
        metavar="S",
        type=seconds,
        default=20.0,
        help=f"seconds{for_every} (default 20)",
    )
    parser.add_argument(
        "--workers",
        metavar="N",
        type=positive,
        default=2,
        help=f"parallel workers{of_every} (default 2)",
    )
    parser.add_argument("--seed", metavar="N", type=seed, default=0, help="default 0")
    parser.add_argument("--reproducible", action="store_true", help=f"give {same} in every run")


def seconds(text: str) -> float:
    """A positive, finite number of seconds."""
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0.0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"expected a positive number of seconds, found {text!r}")
    return value


def positive(text: str) -> int:
    """A whole number of at least 1."""
    value = _integer(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"expected at least 1, found {text!r}")
    return value


def seed(text: str) -> int:
    """A seed that CP-SAT takes."""
    value = _integer(text)
    if not 0 <= value < 2**31:
        raise argparse.ArgumentTypeError(f"expected 0 to {2**31 - 1}, found {text!r}")
    return value


def _integer(text: str) -> int:
    try:
        return int(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"expected a whole number, found {text!r}") from error
