"""Diagnostics are values; text, JSON and editor messages are views of them.

`dsl.render` turns one into text with its excerpt. The table of codes is in `dsl/codes.py`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from dsl.span import Span

Severity = Literal["error", "warning"]


@dataclass(frozen=True, slots=True)
class Label:
    """A second place that explains the first ("defined here")."""

    span: Span
    text: str


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """One finding about the user's text.

    `code` is stable (`MMP101`); `message` is one sentence without a trailing full stop;
    `help` is a likely fix ("did you mean `layers`?") or empty.
    """

    code: str
    severity: Severity
    message: str
    span: Span
    labels: tuple[Label, ...] = ()
    help: str = ""


class DiagnosticError(Exception):
    """Carries diagnostics to the command line: the user's text is wrong, not our code."""

    def __init__(self, diagnostics: Iterable[Diagnostic]) -> None:
        self.diagnostics: tuple[Diagnostic, ...] = tuple(diagnostics)
        super().__init__("; ".join(f"{d.span}: {d.code}: {d.message}" for d in self.diagnostics))
