"""The shape of a JSON value: which fields are there, and of what type.

A shape is a type, `Maybe(shape)` for what may be null, a list of one shape (a list of such values),
`Named(shape)` (an object of such values by name) or an object of shapes by field. Fields that it
does not name may be there; a field whose name ends with `?` may be missing.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

_WORDS = {str: "a text", int: "a whole number", float: "a number", bool: "true or false"}


@dataclass(frozen=True, slots=True)
class Maybe:
    """Null, or a value of the shape."""

    shape: Any


@dataclass(frozen=True, slots=True)
class Named:
    """An object whose every value has the shape."""

    shape: Any


def faults(value: Any, shape: Any, where: str = "") -> Iterator[str]:
    """A sentence for everything that is not of the shape, in the order of the shape."""
    match shape:
        case Maybe(inner):
            if value is not None:
                yield from faults(value, inner, where)
        case Named(inner):
            if not isinstance(value, dict):
                yield f"{_name(where)} is not an object"
                return
            for name, item in value.items():
                yield from faults(item, inner, f"{where}.{name}")
        case dict():
            yield from _object_faults(value, shape, where)
        case list():
            if not isinstance(value, list):
                yield f"{_name(where)} is not a list"
                return
            for place, item in enumerate(value):
                yield from faults(item, shape[0], f"{where}[{place}]")
        case _:
            if not _is_of(value, shape):
                yield f"{_name(where)} is not {_WORDS[shape]}"


def _object_faults(value: Any, shape: dict[str, Any], where: str) -> Iterator[str]:
    if not isinstance(value, dict):
        yield f"{_name(where)} is not an object"
        return
    for field, inner in shape.items():
        name = field.removesuffix("?")
        if name in value:
            yield from faults(value[name], inner, f"{where}.{name}")
        elif name == field:
            yield f"{_name(f'{where}.{name}')} is missing"


def _is_of(value: Any, kind: type) -> bool:
    if kind is bool or isinstance(value, bool):
        return kind is bool and isinstance(value, bool)
    if kind is float:
        return isinstance(value, int | float) and math.isfinite(value)
    return isinstance(value, kind)


def _name(where: str) -> str:
    return f"`{where.removeprefix('.')}`" if where else "the document"
