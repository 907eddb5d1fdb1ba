"""Differences as text: a heading for every section, a line for every difference."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby

from solver.comparison.difference import Difference


def render(
    before: str, after: str, found: tuple[Difference, ...], also: tuple[str, ...] = ()
) -> str:
    """The whole text. Control characters of names are shown, not obeyed."""
    lines = [f"from {before}", f"to   {after}", ""]
    lines += _sections(found) if found else ["The plans are the same.", ""]
    if also:
        lines += ["Not part of the plans", *(f"  {line}" for line in also), ""]
    return "".join(f"{_legible(line)}\n" for line in lines[:-1])


def _sections(found: tuple[Difference, ...]) -> Iterator[str]:
    for section, members in groupby(found, key=lambda one: one.section):
        yield section.capitalize()
        yield from (f"  {one.text}" for one in members)
        yield ""


def _legible(line: str) -> str:
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in line)
