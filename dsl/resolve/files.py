"""Reading `.mmp` files, and the names under which spans show them."""

from __future__ import annotations

import hashlib
import os
import posixpath
from dataclasses import dataclass, field
from pathlib import Path

import dsl
from dsl.resolve.report import Reporter
from dsl.span import Span
from dsl.spec import Source
from dsl.syntax import File
from dsl.text.parser import parse_bytes

STDLIB = Path(dsl.__file__).resolve().parent.parent / "stdlib"
STDLIB_PREFIX = "stdlib:"
OVERRIDES = "-D"
"""The file name in spans of command-line overrides."""


@dataclass(frozen=True, slots=True)
class Place:
    """A file: where it is, and how the user would write it."""

    path: Path
    display: str

    def key(self) -> str:
        """One text for all ways to write this file's path; ValueError for a NUL in it."""
        return os.path.realpath(self.path)

    def relative(self, written: str) -> Place:
        """The file that an import with this path in this file means."""
        if self.display.startswith(STDLIB_PREFIX):
            inside = self.display.removeprefix(STDLIB_PREFIX)
            joined = posixpath.normpath(posixpath.join(posixpath.dirname(inside), written))
            return Place(self.path.parent / written, STDLIB_PREFIX + joined)
        shown = written
        if not Path(written).is_absolute():
            shown = os.path.normpath(Path(self.display).parent / written)
        return Place(self.path.parent / written, shown)


def library(dotted: str) -> Place:
    """The standard library file of a dotted module name."""
    inside = dotted.replace(".", "/") + ".mmp"
    return Place(STDLIB / inside, STDLIB_PREFIX + inside)


def library_modules() -> list[str]:
    """The dotted names of the standard library's modules, sorted."""
    found = (path.relative_to(STDLIB).with_suffix("") for path in STDLIB.rglob("*.mmp"))
    return sorted(".".join(path.parts) for path in found)


@dataclass(slots=True)
class Files:
    """Every file read so far: its text for excerpts, its hash for the plan document."""

    report: Reporter
    texts: dict[str, str] = field(default_factory=dict)
    sources: list[Source] = field(default_factory=list)

    def read(self, place: Place, asked_at: Span) -> File:
        """Read and parse a file; syntax errors go to the report.

        Errors (MMP120) when it cannot be read, at the span of the import.
        """
        try:
            data = place.path.read_bytes()
        except (OSError, ValueError) as error:  # ValueError: a NUL in the path
            reason = error.strerror if isinstance(error, OSError) else str(error)
            message = f"cannot read `{place.display}`: {reason}"
            raise self.report.error("MMP120", message, asked_at) from None
        self.texts[place.display] = data.decode("utf-8", "replace")
        self.sources.append(Source(place.display, hashlib.sha256(data).hexdigest()))
        file, found = parse_bytes(data, place.display)
        for diagnostic in found:
            self.report.add(diagnostic)
        return file
