"""What `mmp solve` and `mmp verify` work on, whichever kind of file it came from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from solver.events import Document
from solver.verify.report import Report


@dataclass(frozen=True, slots=True)
class Task:
    """A file that was read and is right, and what can be done with it.

    `subject` goes to `search` (`module:function`) in the child process. `objective` is the quantity
    that is minimised, as `solver.cli.report.words.amount` knows it. `format` is that of the
    documents; `own_fields` are those that others do not have, from the seconds that solving took.
    `sources` are the path and SHA-256 of the file, then of what it imports. `spent_s` is how much
    of the time limit was gone when this was made.
    """

    subject: object
    search: str
    objective: str
    format: str
    own_fields: Callable[[float], Document]
    sources: tuple[tuple[str, str], ...]
    verify: Callable[[Document], Report]
    render: Callable[[Document], str]
    spent_s: float = 0.0
