"""Reading `.mmp` files, and the names under which spans show them.

A file of the user's is shown as its path, one of a library as `library:path/in/it.mmp`.
"""

from __future__ import annotations

import hashlib
import os
import posixpath
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from dsl.diagnostic import Diagnostic
from dsl.project import standard
from dsl.project.lockfile import Locked
from dsl.project.manifest import MANIFEST, Manifest
from dsl.resolve.report import Reporter
from dsl.span import Span
from dsl.spec import Source
from dsl.syntax import File
from dsl.text.parser import parse_bytes

STDLIB = standard.STDLIB
STDLIB_PREFIX = f"{standard.STANDARD}:"
Parse = Callable[[bytes, str], tuple[File, tuple[Diagnostic, ...]]]
OVERRIDES = "-D"
"""The file name in spans of command-line overrides."""


@dataclass(frozen=True, slots=True)
class Library:
    """A library of the project, as it was locked: its folder, and its own `mmp.toml` if any."""

    locked: Locked
    root: Path
    manifest: Manifest | None

    @property
    def identity(self) -> str:
        """What two versions of one library have in common: its own name, or its source."""
        own = "" if self.manifest is None else self.manifest.name
        return own or self.locked.source

    def place(self, inside: str) -> Place:
        """A file of it, by its path in the library."""
        return Place(self.root / inside, f"{self.locked.name}:{inside}", self)

    def module(self, inside: str) -> str:
        """The dotted name of a file of it, as imports write it."""
        return f"{self.locked.name}.{inside.removesuffix('.mmp').replace('/', '.')}"

    def modules(self) -> list[str]:
        """The dotted names of all its modules."""
        return [self.module(path) for path, _ in self.locked.files if path != MANIFEST]


@dataclass(frozen=True, slots=True)
class Place:
    """A file: where it is, how the user would write it, and the library that it is part of."""

    path: Path
    display: str
    library: Library | None = None

    @property
    def is_standard(self) -> bool:
        """Whether it is a file of the standard library."""
        return self.display.startswith(STDLIB_PREFIX)

    @property
    def inside(self) -> str:
        """Its path in its library, with `/`; that of a file outside begins with `../`."""
        return self.display.partition(":")[2]

    @property
    def sha256(self) -> str | None:
        """The hash that it must have, if it was locked."""
        return None if self.library is None else dict(self.library.locked.files).get(self.inside)

    def key(self) -> str:
        """One text for all ways to write this file's path; ValueError for a NUL in it."""
        return os.path.realpath(self.path)

    def relative(self, written: str) -> Place:
        """The file that an import with this path in this file means."""
        if self.is_standard or self.library is not None:
            prefix, _, inside = self.display.partition(":")
            joined = posixpath.normpath(posixpath.join(posixpath.dirname(inside), written))
            return Place(self.path.parent / written, f"{prefix}:{joined}", self.library)
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
    """Every file read so far: its text for excerpts, its hash for the plan document.

    `given` are texts that stand for what is on disk, by `Place.key`; `parse` reads one.
    """

    report: Reporter
    texts: dict[str, str] = field(default_factory=dict)
    sources: list[Source] = field(default_factory=list)
    given: Mapping[str, bytes] = field(default_factory=dict)
    parse: Parse = parse_bytes
    _trees: dict[str, File] = field(default_factory=dict)

    def read(self, place: Place, asked_at: Span) -> File:
        """Read and parse a file, once; syntax errors go to the report. Errors: `bytes_of`."""
        if place.display in self._trees:
            return self._trees[place.display]
        data = self.bytes_of(place, asked_at)
        location = "" if place.library is None else str(place.path)
        self.texts[place.display] = data.decode("utf-8", "replace")
        self.sources.append(Source(place.display, hashlib.sha256(data).hexdigest(), location))
        file, found = self.parse(data, place.display)
        for diagnostic in found:
            led = self.report.led_here(diagnostic.span)
            self.report.add(replace(diagnostic, labels=(*diagnostic.labels, *led)))
        self._trees[place.display] = file
        return file

    def bytes_of(self, place: Place, asked_at: Span) -> bytes:
        """What is in a file.

        Errors at the span of the import: MMP120 when it cannot be read, MMP722 and MMP723 when it
        is one of a library and not there, or not as it was locked.
        """
        try:
            key = place.key() if self.given else ""
            data = self.given[key] if key in self.given else place.path.read_bytes()
        except (OSError, ValueError) as error:  # ValueError: a NUL in the path
            reason = error.strerror if isinstance(error, OSError) else str(error)
            message = f"cannot read `{place.display}`: {reason}"
            if place.library is None:
                raise self.report.error("MMP120", message, asked_at) from None
            hint = changed_hint(place.library.locked)
            raise self.report.error("MMP722", message, asked_at, hint=hint) from None
        if place.library is not None and hashlib.sha256(data).hexdigest() != place.sha256:
            message = f"`{place.display}` is not the file that was locked"
            hint = changed_hint(place.library.locked)
            raise self.report.error("MMP723", message, asked_at, hint=hint)
        return data


def changed_hint(locked: Locked) -> str:
    """What to do about a library whose files are not those that were locked."""
    if locked.is_git:
        return "its copy in the cache was changed: `mmp lock` fetches it again"
    return "`mmp lock` takes the library as it is now"
