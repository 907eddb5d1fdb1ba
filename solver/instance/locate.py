"""From a place in the tree of a JSON text to the stretch of text that holds it."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from json.decoder import scanstring  # type: ignore[attr-defined]  # public in CPython since 2.6

from dsl.span import Span
from solver.instance.findings import Place

_BLANKS = " \t\n\r"
# Values are skipped, so the numbers in them need not be converted.
_SKIP = json.JSONDecoder(parse_int=len, parse_float=len, parse_constant=len)


@dataclass(slots=True)
class Locator:
    """Finds places in one text, which must be valid JSON."""

    text: str
    file: str
    _known: dict[int, dict[str | int, tuple[int, int]]] = field(default_factory=dict)

    def span(self, place: Place) -> Span:
        """Where a value is; where the place does not exist, where the last container of it is."""
        start = self._blank(0)
        end = len(self.text.rstrip(_BLANKS))
        for step in place:
            inside = self._children(start)
            if step not in inside:
                end = start + 1
                break
            start, end = inside[step]
        return Span(self.file, *self._line(start), *self._line(end))

    def _line(self, offset: int) -> tuple[int, int]:
        """Line and column, from 1."""
        line = self.text.count("\n", 0, offset) + 1
        return line, offset - self.text.rfind("\n", 0, offset)

    def _children(self, start: int) -> dict[str | int, tuple[int, int]]:
        """Key or number -> stretch of the value; the last one of equal keys."""
        if start not in self._known:
            self._known[start] = self._scan(start)
        return self._known[start]

    def _scan(self, start: int) -> dict[str | int, tuple[int, int]]:
        found: dict[str | int, tuple[int, int]] = {}
        if self.text[start] not in "[{":
            return found
        at = self._blank(start + 1)
        while self.text[at] not in "]}":
            step: str | int = len(found)
            if self.text[start] == "{":
                step, at = scanstring(self.text, at + 1)
                at = self._blank(self._blank(at) + 1)
            _, end = _SKIP.raw_decode(self.text, at)
            found[step] = (at, end)
            at = self._blank(end)
            if self.text[at] == ",":
                at = self._blank(at + 1)
        return found

    def _blank(self, at: int) -> int:
        while at < len(self.text) and self.text[at] in _BLANKS:
            at += 1
        return at
