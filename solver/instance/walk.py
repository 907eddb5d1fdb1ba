"""Typed reading of a JSON tree: what does not fit becomes a finding and reads as None."""

from __future__ import annotations

import itertools
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from dsl.suggest import did_you_mean
from solver.engine.problem import Floats
from solver.instance.findings import Findings, Place
from solver.instance.instance import Ints, offsets
from solver.instance.tree import Object, Odd

FORBIDDEN = 1e18
"""Costs from here on mean that the choice is forbidden."""

EXACT = 2.0**53
"""Below it whole numbers are exact."""

MISSING = object()
"""In place of a value whose absence has been reported."""

_KINDS = {bool: "a boolean", str: "a text", list: "a list", Object: "an object"}
_KINDS |= {type(None): "null", int: "a number", float: "a number"}


PlaceOf = Callable[[tuple[int, int]], Place]
"""From (list, number in it) to the place."""


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """A list of lists of numbers: the length of each, and all numbers one after the other."""

    place: Place
    lengths: Ints
    flat: Floats

    def cell_of(self, position: int) -> tuple[int, int]:
        """The list that a number of `flat` is in, and where in it."""
        starts = offsets(self.lengths)
        row = int(np.searchsorted(starts, position, side="right")) - 1
        return row, position - int(starts[row])

    def place_of(self, position: int) -> Place:
        """The place of a number of `flat`."""
        return (*self.place, *self.cell_of(position))


def kind(value: object) -> str:
    """A value in words."""
    return value.text if isinstance(value, Odd) else _KINDS[type(value)]


@dataclass(frozen=True, slots=True)
class Walk:
    """Reads values and notes what is wrong with them."""

    findings: Findings

    def fields(
        self, value: object, place: Place, required: Sequence[str], optional: Sequence[str] = ()
    ) -> dict[str, Any]:
        """The fields of an object; a required one that is not there reads as MISSING."""
        if value is MISSING:
            return dict.fromkeys(required, MISSING)
        if not isinstance(value, Object):
            self._wrong(value, place, "an object")
            return dict.fromkeys(required, MISSING)
        for key in value.repeated:
            self.findings.add("MMP602", (*place, key), "this key is given twice")
        for key in value:
            if key not in required and key not in optional:
                near = did_you_mean(key, [*required, *optional])
                self.findings.add("MMP604", (*place, key), "this key is not known here", near)
        for key in required:
            if key not in value:
                self.findings.add("MMP603", (*place, key), "this key is missing")
        return {**dict.fromkeys(required, MISSING), **value}

    def items(self, value: object, place: Place) -> list[Any]:
        """The items of a list."""
        if value is not MISSING and not isinstance(value, list):
            self._wrong(value, place, "a list")
        return value if isinstance(value, list) else []

    def text(self, value: object, place: Place) -> str | None:
        """A text."""
        if value is not MISSING and not isinstance(value, str):
            self._wrong(value, place, "a text")
        return value if isinstance(value, str) else None

    def amount(self, value: object, place: Place) -> float | None:
        """A number that is not negative."""
        rows = None if value is MISSING else self._numbers([[value]], place, lambda _cell: place)
        if rows is None:
            return None
        if rows.flat[0] < 0:
            self.findings.add("MMP607", place, f"{number(rows.flat[0])}, expected at least 0")
            return None
        return float(rows.flat[0])

    def rows(self, value: object, place: Place, costs: bool = False) -> Rows | None:
        """A list of lists of numbers below 2^53 in size; `costs` may be forbidden."""
        lists = self.items(value, place)
        if not isinstance(value, list):
            return None
        if set(map(type, lists)) - {list}:
            wrong = [i for i, item in enumerate(lists) if type(item) is not list]
            self.findings.add_each(
                "MMP605",
                wrong,
                lambda i: ((*place, i), f"{kind(lists[i])}, expected a list of numbers"),
            )
            return None
        return self._numbers(lists, place, lambda cell: (*place, *cell), costs)

    def whole(self, rows: Rows | None) -> Ints | None:
        """The numbers of rows as whole numbers."""
        if rows is None:
            return None
        wrong = np.flatnonzero(rows.flat != np.floor(rows.flat))
        self.findings.add_each(
            "MMP605",
            wrong.tolist(),
            lambda i: (rows.place_of(i), f"{number(rows.flat[i])}, expected a whole number"),
        )
        return None if len(wrong) else rows.flat.astype(np.int64)

    def _numbers(
        self, lists: list[list[Any]], place: Place, at: PlaceOf, costs: bool = False
    ) -> Rows | None:
        if set(map(type, itertools.chain.from_iterable(lists))) - {int, float}:
            self._no_numbers(lists, at)
            return None
        lengths = np.fromiter(map(len, lists), np.int64, len(lists))
        flat = _floats(lists, int(lengths.sum()))
        if costs:
            flat[flat >= FORBIDDEN] = np.inf
        rows = Rows(place, lengths, flat)
        is_wide = np.abs(flat) >= EXACT
        if costs:
            is_wide &= flat != np.inf
        if not is_wide.any():
            return rows
        allowed = ", or at least 1e18 for what is forbidden" if costs else ""
        self.findings.add_each(
            "MMP607",
            np.flatnonzero(is_wide).tolist(),
            lambda i: (
                at(rows.cell_of(i)),
                f"{number(flat[i])}, expected less than 2^53 in size{allowed}",
            ),
        )
        return None

    def _no_numbers(self, lists: list[list[Any]], at: PlaceOf) -> None:
        wrong = [
            ((i, j), item)
            for i, row in enumerate(lists)
            for j, item in enumerate(row)
            if type(item) not in (int, float)
        ]
        self.findings.add_each(
            "MMP605",
            range(len(wrong)),
            lambda k: (at(wrong[k][0]), f"{kind(wrong[k][1])}, expected a number"),
        )

    def _wrong(self, value: object, place: Place, wanted: str) -> None:
        self.findings.add("MMP605", place, f"{kind(value)}, expected {wanted}")


def number(value: float) -> str:
    """A number as it would be written: `7`, not `7.0`."""
    if abs(value) > sys.float_info.max:
        return "a number beyond 1.8e308"
    return f"{value:.0f}" if abs(value) < EXACT and value == int(value) else f"{value:g}"


def _floats(lists: list[list[int | float]], count: int) -> Floats:
    """All numbers; one beyond every float is infinite."""
    try:
        return np.fromiter(itertools.chain.from_iterable(lists), np.float64, count)
    except OverflowError:
        return np.fromiter(map(_float, itertools.chain.from_iterable(lists)), np.float64, count)


def _float(value: int | float) -> float:
    try:
        return float(value)
    except OverflowError:
        return np.inf if value > 0 else -np.inf
