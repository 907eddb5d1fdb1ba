"""What the logs of CBC and HiGHS tell while they solve: neither tells it to its Python caller.

Both flush their log line by line, so a line arrives when it is written.
"""

from __future__ import annotations

import math
import re

Fields = dict[str, float]
"""`value` of a better solution, `bound` on every solution; those that a line tells."""

_CBC_SOLUTION = re.compile(r"Cbc00(?:04|12|16)I Integer solution of (\S+) found")
_CBC_BOUND = re.compile(r"best possible ([^\s)]+)|^Lower bound:\s+(\S+)")
_HIGHS_ROW = re.compile(r"\d%\s+(\S+)\s+(\S+)\s")


def cbc(line: str) -> Fields:
    """A line of CBC 2.10: a better solution, or the progress of the tree."""
    if found := _CBC_SOLUTION.search(line):
        return {"value": float(found[1])}
    if found := _CBC_BOUND.search(line):
        bound = float(found[1] or found[2])
        return {"bound": bound} if abs(bound) < 1e50 else {}  # 1e50 is its infinity
    return {}


def highs(line: str) -> Fields:
    """A line of HiGHS: the columns BestBound and BestSol that follow a percentage."""
    found = _HIGHS_ROW.search(line)
    if found is None:
        return {}
    try:
        bound, value = float(found[1]), float(found[2])
    except ValueError:
        return {}
    fields = {"bound": bound, "value": value}
    return {name: figure for name, figure in fields.items() if math.isfinite(figure)}
