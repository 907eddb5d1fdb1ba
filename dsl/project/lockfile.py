"""`mmp.lock`: the exact files of every library, read and written.

    version = 1

    [[library]]
    name = "acme"
    source = "git+https://example.org/acme.git"   # or "path+../ours"
    requested = "v1.2"                            # the `rev` of mmp.toml; "" for a path
    revision = "9f3c..."                          # the commit; "" for a path
    hash = "5d41..."                              # of all files, and the name of its cache folder

    [library.files]
    "strategies.mmp" = "2c26..."                  # SHA-256, hexadecimal

The files of a library are all that end in `.mmp`, and its own `mmp.toml`.
"""

from __future__ import annotations

import hashlib
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from dsl.diagnostic import Diagnostic, DiagnosticError
from dsl.span import Span

LOCK = "mmp.lock"
VERSION = 1
_HEAD = "# Written by `mmp lock`: the files of every library. Keep it under version control.\n"
_SHA256 = re.compile(r"[0-9a-f]{64}")
_FIELDS = ("name", "source", "requested", "revision", "hash")


@dataclass(frozen=True, slots=True)
class Locked:
    """One library as it was locked: its files (path with `/`, SHA-256), sorted by path."""

    name: str
    source: str
    requested: str
    revision: str
    hash: str
    files: tuple[tuple[str, str], ...]

    @property
    def is_git(self) -> bool:
        """Whether it comes from git, and its files lie in the cache."""
        return self.source.startswith("git+")

    @property
    def location(self) -> str:
        """The URL, or the folder as seen from the project's."""
        return self.source.partition("+")[2]

    @property
    def shown(self) -> str:
        """For messages: which version this is, shortly."""
        return f"{self.requested} ({self.revision[:10]})" if self.is_git else self.location


@dataclass(frozen=True, slots=True)
class Lock:
    """A whole lock file, libraries sorted by name."""

    libraries: tuple[Locked, ...]

    def find(self, name: str) -> Locked | None:
        """The library of that name."""
        return next((library for library in self.libraries if library.name == name), None)


def file_hash(data: bytes) -> str:
    """SHA-256 of a file's bytes, hexadecimal."""
    return hashlib.sha256(data).hexdigest()


def tree_hash(files: Mapping[str, str]) -> str:
    """SHA-256 of a library: of one line `hash path` for each file, sorted by path."""
    lines = (f"{sha256} {path}\n" for path, sha256 in sorted(files.items()))
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def write_lock(lock: Lock) -> str:
    """The text of a lock file; `read_lock` reads it back."""
    import tomli_w

    libraries = [
        {**{key: getattr(library, key) for key in _FIELDS}, "files": dict(library.files)}
        for library in lock.libraries
    ]
    return _HEAD + tomli_w.dumps({"version": VERSION, "library": libraries})


def read_lock(data: bytes, display: str) -> Lock:
    """Read a lock file that spans call `display`. Raises DiagnosticError (MMP727)."""
    try:
        tree = tomllib.loads(data.decode("utf-8"))
        if tree.get("version") != VERSION:
            raise ValueError(f"version {tree.get('version')} is not known here")
        libraries = [_library(entry) for entry in tree.get("library", [])]
        names = [library.name for library in libraries]
        if len(set(names)) < len(names):
            raise ValueError("a library stands in it twice")
    except (ValueError, TypeError, AttributeError) as error:
        # tomllib's own errors, and bytes that are no UTF-8, are ValueErrors too.
        found = Diagnostic(
            "MMP727",
            "error",
            f"`{display}` is no lock file: {error}",
            Span(display, 1, 1, 1, 1),
            help="get it back from version control, or delete it and run `mmp lock`",
        )
        raise DiagnosticError([found]) from error
    return Lock(tuple(sorted(libraries, key=lambda library: library.name)))


def _library(entry: Any) -> Locked:
    """One entry; raises ValueError, TypeError or AttributeError for what `write_lock` never makes:
    paths that lead out of the library, and files that do not go with their hash."""
    fields = {key: entry.get(key) for key in _FIELDS}
    files = entry.get("files", {})
    texts = [*fields.values(), *files, *files.values()]
    if not all(isinstance(text, str) for text in texts):
        raise ValueError("a library lacks a field")
    if not re.match(r"git\+.|path\+.", fields["source"]):
        raise ValueError(f"library `{fields['name']}` has no source")
    if not all(_SHA256.fullmatch(sha256) for sha256 in files.values()):
        raise ValueError(f"library `{fields['name']}` has a hash that is none")
    if any(path.startswith("/") or ".." in path.split("/") for path in files):
        raise ValueError(f"library `{fields['name']}` has a file outside of it")
    if tree_hash(files) != fields["hash"]:
        raise ValueError(f"the hash of library `{fields['name']}` is not that of its files")
    return Locked(**fields, files=tuple(sorted(files.items())))
