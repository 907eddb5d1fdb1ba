"""The project of a spec: its `mmp.toml`, found upwards from its folder, and its `mmp.lock`."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from dsl.diagnostic import Diagnostic, DiagnosticError
from dsl.project.cache import library_folder
from dsl.project.lockfile import LOCK, Lock, Locked, read_lock
from dsl.project.manifest import MANIFEST, Manifest, read_manifest
from dsl.span import Span


@dataclass(frozen=True, slots=True)
class Project:
    """A folder with an `mmp.toml`. `lock` is None where there is no lock file yet."""

    folder: Path
    manifest: Manifest
    lock: Lock | None

    def locked(self, name: str) -> Locked | None:
        """The library of that name in the lock file."""
        return None if self.lock is None else self.lock.find(name)

    def root(self, library: Locked) -> Path:
        """The folder that holds the files of a library, there or not."""
        return library_folder(library.hash) if library.is_git else self.folder / library.location


class ProjectError(DiagnosticError):
    """A project file or lock file is wrong. `sources` has its text, for the excerpt."""

    def __init__(self, error: DiagnosticError, sources: dict[str, str]) -> None:
        super().__init__(error.diagnostics)
        self.sources = sources


def find_manifest(start: Path) -> Path | None:
    """The nearest `mmp.toml` in this folder or above it, as one writes it from here."""
    nearest = Path(os.path.abspath(start))  # noqa: PTH100  (`..` is what was written, not a link)
    for folder in (nearest, *nearest.parents):
        found = folder / MANIFEST
        if found.is_file():
            return found if start.is_absolute() else Path(os.path.relpath(found))
    return None


def find_project(start: Path) -> Project | None:
    """The project of a folder, if it is in one. Raises ProjectError (MMP120, MMP720, MMP727)."""
    path = find_manifest(start)
    return None if path is None else open_project(path)


def open_project(path: Path) -> Project:
    """The project with this `mmp.toml`. Raises ProjectError as `find_project` does."""
    data = _read(path)
    lock_path = path.parent / LOCK
    locked = _read(lock_path) if lock_path.is_file() else None
    at = path
    try:
        manifest = read_manifest(data, str(path))
        at = lock_path
        lock = None if locked is None else read_lock(locked, str(lock_path))
    except DiagnosticError as error:
        wrong = data if at is path else locked
        text = (wrong or b"").decode("utf-8", "replace")
        raise ProjectError(error, {str(at): text}) from error
    return Project(path.parent, manifest, lock)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        message = f"cannot read `{path}`: {error.strerror}"
        found = Diagnostic("MMP120", "error", message, Span(str(path), 1, 1, 1, 1))
        raise ProjectError(DiagnosticError([found]), {}) from error
