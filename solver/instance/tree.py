"""JSON text as a tree that still shows what was wrong with the text.

Plain JSON reading takes the last of two equal keys and takes NaN for a number. Here an object
remembers the keys that it had twice, and what is no JSON number becomes an `Odd`, so that the
checks that follow can say where it is.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from solver import json_text


class Object(dict[str, Any]):
    """A JSON object. `repeated`: keys that it has more than once."""

    __slots__ = ("repeated",)
    repeated: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Odd:
    """Something in the place of a number; `text` says what, in words."""

    text: str


def parse(text: str) -> object:
    """The tree of JSON text.

    Raises json.JSONDecodeError for what is not JSON, RecursionError for nesting that is too deep.
    """
    try:
        return json_text.loads(text, object_pairs_hook=_object, parse_constant=Odd)
    except RecursionError:
        raise
    except ValueError as error:
        if hasattr(error, "lineno"):
            raise
        # Python refuses to convert thousands of digits; only then is every number looked at.
        return json_text.loads(
            text, object_pairs_hook=_object, parse_constant=Odd, parse_int=_integer
        )


def _object(pairs: list[tuple[str, Any]]) -> Object:
    made = Object(pairs)
    made.repeated = ()
    if len(made) < len(pairs):
        keys = [key for key, _ in pairs]
        made.repeated = tuple(key for key in made if keys.count(key) > 1)
    return made


def _integer(digits: str) -> int | Odd:
    try:
        return int(digits)
    except ValueError:
        return Odd(f"{len(digits)} digits")
