"""The one style of `.mmp` files.

Two blanks of indentation, lines of up to 100 columns, one statement or block item a line, one
blank between words. A longer line is broken after a comma or before an operator, and goes on four
columns further in. A block that was written on one line, holds no other block and fits stays on
one line. Single blank lines and all comments stay where they are; nothing is ever reordered.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

from dsl.diagnostic import DiagnosticError
from dsl.format.items import arrange
from dsl.format.printer import print_file
from dsl.text.parser import Reading, read


def format_text(source: str, path: str) -> str:
    """`source` in the one style; DiagnosticError when it does not parse (nothing is lost then).

    `path` is how the diagnostics name the file.
    """
    with _without_collection():
        return format_reading(read(source, path))


def format_reading(reading: Reading) -> str:
    """A text that was read in the one style; DiagnosticError when it does not parse."""
    if reading.diagnostics:
        raise DiagnosticError(reading.diagnostics)
    return print_file(arrange(reading))


@contextmanager
def _without_collection() -> Iterator[None]:
    """No garbage collection meanwhile: of the many tokens that are made none can be garbage, and
    looking at them again and again takes a quarter of the time."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()
