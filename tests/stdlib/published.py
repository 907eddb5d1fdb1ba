"""The published tables of tests/data."""

from __future__ import annotations

import csv
from pathlib import Path

DATA = Path(__file__).resolve().parent.parent / "data"


def rows(name: str, key: str) -> dict[str, dict[str, str]]:
    """The rows of a table by the value of one column (the last row of each value)."""
    lines = (DATA / name).read_text(encoding="utf-8").splitlines()
    table = csv.DictReader(line for line in lines if not line.startswith("#"))
    return {row[key]: row for row in table}
