"""The public door of the language: a path in, a checked `Spec` or all diagnostics out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from dsl.diagnostic import Diagnostic, DiagnosticError
from dsl.resolve.assemble import Assembly
from dsl.spec import Spec

SourceMap = Mapping[str, str]
"""Path as in `Span.file` -> text of the file, for excerpts."""


class LoadError(DiagnosticError):
    """The text is wrong. `sources` has the text of every file that was read."""

    def __init__(self, diagnostics: tuple[Diagnostic, ...], sources: SourceMap) -> None:
        super().__init__(diagnostics)
        self.sources = sources


@dataclass(frozen=True, slots=True)
class Loaded:
    """Everything known after reading a file. `spec` is None when there is an error, and for a
    library file, which has nothing to plan."""

    spec: Spec | None
    diagnostics: tuple[Diagnostic, ...]
    sources: SourceMap

    @property
    def has_errors(self) -> bool:
        """Whether any diagnostic is an error."""
        return any(d.severity == "error" for d in self.diagnostics)


def read(path: str | Path, overrides: Mapping[str, str] | None = None) -> Loaded:
    """Read and check a spec or a library file; never raises on bad text.

    `overrides` are the values of top-level parameters as text (`-D name=value`).
    """
    assembly = Assembly(str(path), dict(overrides or {}))
    spec = assembly.run()
    return Loaded(spec, assembly.diagnostics, assembly.sources)


def load(path: str | Path, overrides: Mapping[str, str] | None = None) -> Spec:
    """The resolved spec. Raises LoadError with all diagnostics when there is an error, or when the
    file is a library and there is nothing to plan (MMP401, MMP402)."""
    assembly = Assembly(str(path), dict(overrides or {}), needs_plan=True)
    spec = assembly.run()
    if spec is None:
        raise LoadError(assembly.diagnostics, assembly.sources)
    return spec


def check(path: str | Path, overrides: Mapping[str, str] | None = None) -> tuple[Diagnostic, ...]:
    """All diagnostics, warnings too. A file without statements of a plan is checked as a library:
    its declarations only."""
    return read(path, overrides).diagnostics
