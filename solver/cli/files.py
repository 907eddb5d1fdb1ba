"""Reading and writing files for commands: whole or not at all, with errors in words."""

from __future__ import annotations

import contextlib
import gzip
import io
import os
import stat
import tempfile
import zlib
from pathlib import Path

from solver.cli.exit_codes import CommandError, ExitCode

_GZIP = b"\x1f\x8b"
_LARGEST = 2**30  # bytes; more than any instance has


def read_bytes(path: Path) -> bytes:
    """The bytes of a file. Raises CommandError when it cannot be read."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise CommandError(f"cannot read {path}: {error.strerror}") from error


def unpack(data: bytes, path: Path) -> bytes:
    """What is in a gzip file; the bytes themselves if they are none, by name and content.

    Raises CommandError for a file that is damaged, or too large once unpacked.
    """
    if path.suffix != ".gz" and not data.startswith(_GZIP):
        return data
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(data)) as stream:
            text = stream.read(_LARGEST + 1)
    except (OSError, EOFError, zlib.error) as error:
        message = f"{path} is not a whole gzip file: {error}"
        raise CommandError(message, ExitCode.REJECTED) from error
    if len(text) > _LARGEST:
        raise CommandError(f"{path} holds more than 1 GiB", ExitCode.REJECTED)
    return text


def check_writable(path: Path) -> None:
    """Raise CommandError now when `write_whole` would later fail for the reasons known now."""
    if path.is_dir():
        raise CommandError(f"cannot write {path}: it is a folder")
    if _is_special(path):
        if not os.access(path, os.W_OK):
            raise CommandError(f"cannot write {path}: no permission")
        return
    folder = path.parent
    if not folder.is_dir():
        raise CommandError(f"cannot write {path}: there is no folder {folder}")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise CommandError(f"cannot write {path}: no permission to write in {folder}")


def write_whole(path: Path, text: str) -> None:
    """Replace a file's content at once: readers see the old text or the new one, never a part.

    A symbolic link stays one, and the mode of an existing file is kept. A device or a pipe
    (`/dev/stdout`) is written to, never replaced. Raises CommandError.
    """
    if _is_special(path):
        _write_through(path, text)
        return
    target = path.resolve()
    temporary = ""
    try:
        handle, temporary = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
        with os.fdopen(handle, "w", encoding="utf-8", newline="") as stream:
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
        Path(temporary).chmod(_mode(target))
        Path(temporary).replace(target)
    except OSError as error:
        if temporary:
            with contextlib.suppress(OSError):
                Path(temporary).unlink()
        raise CommandError(f"cannot write {path}: {error.strerror}") from error


def save_aside(text: str, suffix: str) -> str:
    """Write text to a new temporary file that stays, and return its path.

    For what must not be lost: the traceback of a bug, a plan that could not be written.
    """
    with tempfile.NamedTemporaryFile(
        "w", prefix="mmp-", suffix=suffix, delete=False, encoding="utf-8", errors="replace"
    ) as stream:
        stream.write(text)
        return stream.name


def _is_special(path: Path) -> bool:
    return path.exists() and not path.is_file()


def _write_through(path: Path, text: str) -> None:
    try:
        with path.open("w", encoding="utf-8", newline="") as stream:
            stream.write(text)
    except OSError as error:
        raise CommandError(f"cannot write {path}: {error.strerror}") from error


def _mode(target: Path) -> int:
    if target.exists():
        return stat.S_IMODE(target.stat().st_mode)
    umask = os.umask(0)
    os.umask(umask)
    return 0o666 & ~umask
