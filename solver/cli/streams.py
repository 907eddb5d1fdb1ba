"""Standard output for data, standard error for everything else; both may be closed or full."""

from __future__ import annotations

import contextlib
import os
import sys

from solver.cli.exit_codes import CommandError


def prepare() -> None:
    """Let no character that the terminal's encoding lacks stop a command."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="backslashreplace")


def write_data(text: str) -> None:
    """Write to standard output.

    A reader that went away (`mmp ... | head`) is its own decision and no error; a closed or full
    output raises CommandError, since data is lost.
    """
    if sys.stdout is None:
        raise CommandError("standard output is closed")
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except BrokenPipeError:
        _drop_stdout()
    except OSError as error:
        _drop_stdout()
        raise CommandError(f"cannot write to standard output: {error.strerror}") from error


def note(text: str) -> None:
    """Write a line to standard error; one that is closed loses it."""
    with contextlib.suppress(OSError, ValueError, AttributeError):
        sys.stderr.write(text.rstrip("\n") + "\n")
        sys.stderr.flush()


def _drop_stdout() -> None:
    # Python flushes standard output once more at exit and would complain there.
    with contextlib.suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
