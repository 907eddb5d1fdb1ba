"""The grid of a sweep: axes of parameter values, and their product in order."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from urllib.parse import quote

_PIECE = re.compile(r'"(?:\\.|[^"\\])*"|.', re.S)
_OPENING, _CLOSING = "([{", ")]}"
_LONGEST = 240  # bytes of a file name without its ending; file systems take 255

Values = tuple[tuple[str, str], ...]
"""A point: (parameter, value as text), in the order of the axes."""


@dataclass(frozen=True, slots=True)
class Axis:
    """A parameter and its values as text, each an expression of the language."""

    name: str
    values: tuple[str, ...]


def axis(text: str) -> Axis:
    """`NAME=V1,V2,...` as an axis. Raises ValueError with what is wrong, in words."""
    name, equals, listed = text.partition("=")
    name = name.strip()
    if not equals or not name.isidentifier():
        raise ValueError(f"expected NAME=VALUE,..., found {text!r}")
    values = tuple(value.strip() for value in _split(listed))
    if not all(values):
        raise ValueError(f"a value of `{name}` is empty in {text!r}")
    twice = next((value for value in values if values.count(value) > 1), None)
    if twice is not None:
        raise ValueError(f"`{name}` has the value {twice} twice")
    return Axis(name, values)


def points(axes: Sequence[Axis]) -> tuple[Values, ...]:
    """The product of the axes; the last one changes fastest."""
    choices = ([(axis.name, value) for value in axis.values] for axis in axes)
    return tuple(itertools.product(*choices))


def label(values: Values) -> str:
    """`nodes=4, seq=8 Ki`."""
    return ", ".join(f"{name}={value}" for name, value in values)


def file_name(values: Values) -> str:
    """`nodes=4,seq=8%20Ki.json`: percent-encoded, so that two points never share a file.

    Raises ValueError where that is too long for a file system.
    """
    stem = ",".join(f"{name}={quote(value, safe='')}" for name, value in values)
    if len(stem.encode()) > _LONGEST:
        raise ValueError(f"the values {label(values)} are too long for the name of a file")
    return f"{stem}.json"


def _split(text: str) -> Iterator[str]:
    """The text between commas that stand in no bracket and no string."""
    part, depth = "", 0
    for piece in _PIECE.findall(text):
        if piece == "," and depth <= 0:
            yield part
            part = ""
            continue
        depth += (piece in _OPENING) - (piece in _CLOSING)
        part += piece
    yield part
