"""The cells of a row: text to numbers and words. An empty cell, or none, is None: unknown."""

from __future__ import annotations

import math
from collections.abc import Mapping

LARGEST = 10**10
"""More than any count of a training run."""


class RowError(Exception):
    """Why a row cannot be priced, in words for its reader."""


def text(row: Mapping[str, str], column: str) -> str:
    """The cell without blanks around it; empty where there is none."""
    return (row.get(column) or "").strip()


def number(row: Mapping[str, str], column: str) -> float | None:
    """A number, RowError for anything else."""
    cell = text(row, column)
    if not cell:
        return None
    try:
        value = float(cell)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise RowError(f"`{column}` is not a number: {cell}")
    return value


def whole(row: Mapping[str, str], column: str) -> int | None:
    """A whole number that is not negative nor beyond any use, RowError for anything else."""
    value = number(row, column)
    if value is None:
        return None
    if value < 0 or value != int(value):
        raise RowError(f"`{column}` is not a whole number: {text(row, column)}")
    if value > LARGEST:
        raise RowError(f"`{column}` is larger than {LARGEST:,}: {text(row, column)}")
    return int(value)


def positive(row: Mapping[str, str], column: str) -> int | None:
    """A whole number above zero, RowError for anything else."""
    value = whole(row, column)
    if value == 0:
        raise RowError(f"`{column}` is zero")
    return value


def flag(row: Mapping[str, str], column: str) -> bool | None:
    """1, true, yes or 0, false, no; RowError for anything else."""
    cell = text(row, column).lower()
    if not cell:
        return None
    if cell in ("1", "1.0", "true", "yes"):
        return True
    if cell in ("0", "0.0", "false", "no"):
        return False
    raise RowError(f"`{column}` is neither true nor false: {cell}")
