"""The cache of libraries: put in whole, looked at before it is believed."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from pathlib import Path

from dsl.project.cache import library_folder
from dsl.project.lockfile import Locked
from solver.locking.content import Content, ContentError, hashes, read_folder


def cached(library: Locked) -> dict[str, bytes] | None:
    """The files of a library in the cache; None where it is missing or not as it was locked."""
    try:
        files = read_folder(library_folder(library.hash))
    except ContentError:
        return None
    return files if hashes(files) == dict(library.files) else None


def store(tree_hash: str, files: Content) -> None:
    """Put a library into the cache, in place of one that was changed there. Raises OSError."""
    target = library_folder(tree_hash)
    target.parent.mkdir(parents=True, exist_ok=True)
    made = Path(tempfile.mkdtemp(prefix=".new-", dir=target.parent))
    try:
        for inside, data in files.items():
            path = made / inside
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        made.chmod(0o755)
        while not _is_put(made, target, files):
            _aside(target)
    finally:
        shutil.rmtree(made, ignore_errors=True)


def _is_put(made: Path, target: Path, files: Content) -> bool:
    """Whether the library is there now, by this process or by another one meanwhile."""
    try:
        made.rename(target)
    except OSError:
        if not target.is_dir():
            raise
        return read_folder(target) == files
    return True


def _aside(target: Path) -> None:
    """Take a changed library out of the way; a folder that is not empty cannot be replaced."""
    aside = Path(tempfile.mkdtemp(prefix=".old-", dir=target.parent))
    with contextlib.suppress(FileNotFoundError):
        target.rename(aside / target.name)
    shutil.rmtree(aside, ignore_errors=True)
