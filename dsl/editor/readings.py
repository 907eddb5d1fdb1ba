"""Texts that were read or formatted, remembered by what is in them."""

from __future__ import annotations

from collections import OrderedDict

from dsl.diagnostic import Diagnostic, DiagnosticError
from dsl.format import format_reading
from dsl.syntax import File
from dsl.text.parser import Reading, parse_bytes, read

MOST = 100  # texts


class Readings:
    """The latest texts that were read; one that is asked for again is not read again."""

    def __init__(self) -> None:
        self._kept: OrderedDict[tuple[str, bytes], Reading] = OrderedDict()
        self._formatted: tuple[str, str, str | None] = ("", "", "")

    def reading(self, source: str, path: str) -> Reading:
        """The tokens and the tree of a text."""
        key = (path, source.encode())
        found = self._kept.pop(key, None) or read(source, path)
        self._kept[key] = found
        while len(self._kept) > MOST:
            self._kept.popitem(last=False)
        return found

    def formatted(self, source: str, path: str) -> str | None:
        """The text in the one style, None where it does not parse; the latest is remembered."""
        before, file, after = self._formatted
        if (before, file) == (source, path):
            return after
        try:
            found = format_reading(self.reading(source, path))
        except DiagnosticError:
            found = None
        self._formatted = (source, path, found)
        return found

    def parse(self, data: bytes, path: str) -> tuple[File, tuple[Diagnostic, ...]]:
        """As `dsl.text.parser.parse_bytes`."""
        try:
            source = data.decode("utf-8-sig")
        except UnicodeDecodeError:
            return parse_bytes(data, path)
        found = self.reading(source, path)
        return found.file, found.diagnostics
