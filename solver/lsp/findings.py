"""Findings as the editor shows them: those of a file and, at its imports, those of what it
imports."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from lsprotocol import types
from pygls.workspace import PositionCodec

from dsl.diagnostic import Diagnostic
from dsl.span import Span
from solver.lsp.places import lines_of, to_range, uri_of

_SEVERITIES = {
    "error": types.DiagnosticSeverity.Error,
    "warning": types.DiagnosticSeverity.Warning,
}


def published(
    found: Sequence[Diagnostic], path: str, sources: Mapping[str, str], codec: PositionCodec
) -> list[types.Diagnostic]:
    """The findings of a document, in its own order."""
    return [_finding(diagnostic, path, sources, codec) for diagnostic in found]


def here(diagnostic: Diagnostic, path: str) -> Span:
    """Where a finding is shown in a file: its own place, the place there that led to it, or the
    file's beginning."""
    spans = [diagnostic.span, *(label.span for label in diagnostic.labels)]
    return next((span for span in spans if span.file == path), Span(path, 1, 1, 1, 1))


def _finding(
    diagnostic: Diagnostic, path: str, sources: Mapping[str, str], codec: PositionCodec
) -> types.Diagnostic:
    span = here(diagnostic, path)
    is_here = span == diagnostic.span
    where = "" if is_here else f"{diagnostic.span}: "
    hint = f"\nhelp: {diagnostic.help}" if diagnostic.help else ""
    return types.Diagnostic(
        range=to_range(span, lines_of(sources.get(path, "")), codec),
        message=f"{where}{diagnostic.message}{hint}",
        severity=_SEVERITIES[diagnostic.severity],
        code=diagnostic.code,
        source="mmp",
        related_information=list(_related(diagnostic, is_here, sources, codec)) or None,
    )


def _related(
    diagnostic: Diagnostic, is_here: bool, sources: Mapping[str, str], codec: PositionCodec
) -> Iterator[types.DiagnosticRelatedInformation]:
    labels = [(label.span, label.text) for label in diagnostic.labels]
    if not is_here:
        labels.insert(0, (diagnostic.span, diagnostic.message))
    for span, text in labels:
        uri = uri_of(span.file)
        if uri is not None:
            place = to_range(span, lines_of(sources.get(span.file, "")), codec)
            yield types.DiagnosticRelatedInformation(types.Location(uri, place), text)
