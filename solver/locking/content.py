"""The files of a library: path in it, with `/`, to bytes."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path

from dsl.project.lockfile import file_hash
from dsl.project.manifest import MANIFEST

Content = Mapping[str, bytes]


class ContentError(Exception):
    """A folder that cannot be a library; the message says why."""


def belongs(path: str) -> bool:
    """Whether a file is part of the library it lies in: `.mmp` files outside hidden folders, and
    its own `mmp.toml`."""
    parts = path.split("/")
    is_hidden = any(part.startswith(".") for part in parts)
    return path == MANIFEST or (path.endswith(".mmp") and not is_hidden)


def read_folder(folder: Path) -> dict[str, bytes]:
    """The files of a library in a folder. Raises ContentError."""
    if not folder.is_dir():
        raise ContentError(f"there is no folder `{folder}`")
    files: dict[str, bytes] = {}
    try:
        for inside, path in _walk(folder):
            if path.is_symlink():
                raise ContentError(f"`{inside}` is a symbolic link, which libraries cannot have")
            files[inside] = path.read_bytes()
    except OSError as error:
        raise ContentError(f"cannot read `{error.filename}`: {error.strerror}") from error
    return files


def _walk(folder: Path) -> Iterator[tuple[str, Path]]:
    """The files that belong to the library, hidden folders and linked ones not entered."""
    for at, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            path = Path(at, name)
            inside = path.relative_to(folder).as_posix()
            if belongs(inside):
                yield inside, path


def hashes(files: Content) -> dict[str, str]:
    """SHA-256 of every file, sorted by path."""
    return {path: file_hash(files[path]) for path in sorted(files)}
