"""Collecting diagnostics while resolving, so that one run reports every mistake once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import ParamSpec, TypeVar

from dsl.diagnostic import Diagnostic, Label
from dsl.span import Span


class RejectedError(Exception):
    """Something could not be resolved and why is already reported: skip what needs it."""


class Poisoned:
    """Stands for a name whose definition was rejected; using it adds no further error."""

    __slots__ = ()


POISONED = Poisoned()

Result = TypeVar("Result")
Arguments = ParamSpec("Arguments")


def attempt(
    read: Callable[Arguments, Result], *args: Arguments.args, **kwargs: Arguments.kwargs
) -> Result | None:
    """What the call returns, or None when it was rejected; lets the next thing be looked at too."""
    try:
        return read(*args, **kwargs)
    except RejectedError:
        return None


class Reporter:
    """Gathers diagnostics. A place is reported once per code, however often it is unrolled."""

    def __init__(self) -> None:
        self._found: dict[tuple[str, Span], Diagnostic] = {}
        self._context: list[tuple[Label, bool]] = []
        self._errors = 0

    @property
    def diagnostics(self) -> tuple[Diagnostic, ...]:
        """Everything found, in the order it was found."""
        return tuple(self._found.values())

    @property
    def errors(self) -> int:
        """How many errors were found."""
        return self._errors

    def has_syntax_errors(self, file: str | None = None) -> bool:
        """Whether statements are missing from the tree of that file (or of any)."""
        return any(
            found.code.startswith("MMP0") and file in (None, found.span.file)
            for found in self._found.values()
        )

    def add(self, diagnostic: Diagnostic) -> None:
        """Take in a diagnostic made elsewhere (by the parser)."""
        key = (diagnostic.code, diagnostic.span)
        if key in self._found:
            return
        self._found[key] = diagnostic
        self._errors += diagnostic.severity == "error"

    def error(
        self, code: str, message: str, span: Span, *labels: Label, hint: str = ""
    ) -> RejectedError:
        """Report an error; returns the exception for callers to raise."""
        self.add(Diagnostic(code, "error", message, span, self._all(labels, span), hint))
        return RejectedError(message)

    def warning(self, code: str, message: str, span: Span, *, hint: str = "") -> None:
        """Report a warning."""
        self.add(Diagnostic(code, "warning", message, span, self._all((), span), hint))

    @contextmanager
    def within(self, span: Span, text: str, *, everywhere: bool = False) -> Iterator[None]:
        """Label what is found in other files (or everywhere) meanwhile with what led there."""
        self._context.append((Label(span, text), everywhere))
        try:
            yield
        finally:
            self._context.pop()

    def led_here(self, span: Span) -> tuple[Label, ...]:
        """What led to a place: the labels that a finding there would get now."""
        return self._all((), span)

    def _all(self, labels: tuple[Label, ...], span: Span) -> tuple[Label, ...]:
        outer = [
            label
            for label, everywhere in reversed(self._context)
            if everywhere or label.span.file != span.file
        ]
        return (*labels, *dict.fromkeys(outer))
