"""Reading untrusted JSON: every field typed, every complaint a violation, never an exception."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

from solver.verify.report import Violation

T = TypeVar("T")

LARGEST_INTEGER = 2**53
"""Beyond it a JSON number is no longer exact in every reader."""


def _kind(value: object) -> str:
    """The JSON name of a value's type."""
    names = {dict: "an object", list: "a list", str: "a string", bool: "a boolean"}
    if value is None:
        return "null"
    return names.get(type(value), "a number")


class Fields:
    """One object of the document, read field by field.

    A field that is missing or of the wrong type adds a `field-missing` or `field-type` violation to
    the shared list and reads as a harmless value; the caller looks at the list when all is read.
    """

    __slots__ = ("_found", "_object", "where")

    def __init__(self, value: object, where: str, found: list[Violation]) -> None:
        self.where = where
        self._found = found
        self._object: dict[Any, Any] = {}
        if isinstance(value, dict):
            self._object = value
        else:
            self._wrong(where, value, "an object")

    def integer(self, key: str) -> int:
        """A whole number of at most 2^53 in size (0 after a complaint)."""
        return self._read(key, "an integer", _is_integer, 0)

    def number(self, key: str) -> float:
        """A finite number (0 after a complaint)."""
        return float(self._read(key, "a finite number", _is_number, 0.0))

    def number_or_null(self, key: str) -> float | None:
        """A finite number, or None where the field is null or absent."""
        return None if self.is_null(key) else self.number(key)

    def text(self, key: str) -> str:
        """A string."""
        return self._read(key, "a string", lambda v: isinstance(v, str), "")

    def text_or_null(self, key: str) -> str | None:
        """A string, or None where the field is null or absent."""
        return None if self.is_null(key) else self.text(key)

    def boolean(self, key: str) -> bool:
        """True or false."""
        return self._read(key, "a boolean", lambda v: isinstance(v, bool), False)

    def names(self, key: str) -> tuple[str, ...]:
        """A list of strings."""
        return tuple(self._read(key, "a list of strings", _is_names, []))

    def booleans(self, key: str) -> tuple[bool, ...]:
        """A list of booleans."""
        return tuple(self._read(key, "a list of booleans", _is_booleans, []))

    def integers(self, key: str) -> tuple[int, ...]:
        """A list of whole numbers."""
        return tuple(self._read(key, "a list of integers", _is_integers, []))

    def is_null(self, key: str) -> bool:
        """Whether the field is null or absent."""
        return self._object.get(key) is None

    def nested(self, key: str) -> Fields:
        """A nested object."""
        empty: dict[str, object] = {}
        value = self._read(key, "an object", lambda v: isinstance(v, dict), empty)
        return Fields(value, self._at(key), self._found)

    def nested_list(self, key: str) -> tuple[Fields, ...]:
        """A list of objects."""
        values: list[object] = self._read(key, "a list", lambda v: isinstance(v, list), [])
        where = self._at(key)
        return tuple(Fields(v, f"{where}[{i}]", self._found) for i, v in enumerate(values))

    def nested_entries(self) -> Iterator[tuple[str, Fields]]:
        """The fields of an object of objects, with their names."""
        for key in self.field_names:
            yield key, Fields(self._object[key], self._at(key), self._found)

    @property
    def field_names(self) -> tuple[str, ...]:
        """The names of the fields that are there."""
        return tuple(key for key in self._object if isinstance(key, str))

    def _at(self, key: str) -> str:
        return f"{self.where}.{key}" if self.where else key

    def _read(self, key: str, wanted: str, fits: Callable[[object], bool], otherwise: T) -> T:
        if key not in self._object:
            self._found.append(Violation("field-missing", f"there must be {wanted}", self._at(key)))
            return otherwise
        value: T = self._object[key]
        if fits(value):
            return value
        self._wrong(self._at(key), value, wanted)
        return otherwise

    def _wrong(self, where: str, value: object, wanted: str) -> None:
        message = f"there must be {wanted}, not {_kind(value)}"
        self._found.append(Violation("field-type", message, where))


def _is_integer(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and abs(value) <= LARGEST_INTEGER


def _is_number(value: object) -> bool:
    if isinstance(value, float):
        return math.isfinite(value)
    return _is_integer(value)


def _is_integers(value: object) -> bool:
    return isinstance(value, list) and all(map(_is_integer, value))


def _is_names(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(v, str) for v in value)


def _is_booleans(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(v, bool) for v in value)
