"""One text as it was read once: its names, its findings, its model and mesh."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from dsl import spec
from dsl.diagnostic import Diagnostic
from dsl.editor.declarations import names_of
from dsl.editor.definitions import Definition, Occurrence
from dsl.editor.expressions import Seen
from dsl.editor.readings import Readings
from dsl.resolve.assemble import Assembly
from dsl.resolve.depth import room_for_recursion
from dsl.resolve.modules import Module
from dsl.resolve.pins.targets import Model
from dsl.span import Span


@dataclass(frozen=True, slots=True)
class Analysis:
    """What is known of a text. `module`, `model` and `mesh` are those of an earlier version where
    this one is too broken to have its own; `lines` has the occurrences of names by line."""

    path: str
    source: str
    diagnostics: tuple[Diagnostic, ...]
    sources: Mapping[str, str]
    module: Module | None
    model: Model | None
    mesh: spec.Mesh | None
    seen: Seen | None
    lines: Mapping[int, tuple[Occurrence, ...]]

    def at(self, line: int, column: int) -> Occurrence | None:
        """The name at a place, or the one that ends there."""
        found = [
            o for o in self.lines.get(line, ()) if o.span.column <= column <= o.span.end_column
        ]
        return min(found, key=_width, default=None)

    def of(self, definition: Definition) -> tuple[Occurrence, ...]:
        """Every occurrence of what stands at that definition, in order."""
        here = self.seen.occurrences if self.seen is not None else []
        file, line, column = definition.key
        files: dict[str, str] = {}  # real paths, asked for once
        found: dict[Span, Occurrence] = {}
        for occurrence in here:
            other = occurrence.definition
            if (other.span.line, other.span.column) != (line, column):
                continue
            display = other.place.display
            if display not in files:
                files[display] = other.place.key()
            if files[display] == file:
                found[occurrence.span] = occurrence
        return tuple(found[span] for span in sorted(found))


def analyse(
    path: str,
    source: str,
    texts: Mapping[str, bytes],
    before: Analysis | None = None,
    readings: Readings | None = None,
) -> Analysis:
    """Read a text. `texts` are those that are open, this one among them, by `Place.key`; `before`
    is an earlier version of it; `readings` remembers files from one analysis to the next."""
    remembered = readings if readings is not None else Readings()
    assembly = Assembly(path, {}, texts=texts, parse=remembered.parse)
    assembly.run()
    seen = None
    if assembly.module is not None:
        with room_for_recursion():
            seen = names_of(assembly.module)
    return Analysis(
        path,
        source,
        assembly.diagnostics,
        assembly.sources,
        assembly.module or (before.module if before is not None else None),
        assembly.model or (before.model if before is not None else None),
        assembly.mesh or (before.mesh if before is not None else None),
        seen,
        by_line(seen) if seen is not None else {},
    )


def by_line(seen: Seen) -> dict[int, tuple[Occurrence, ...]]:
    """The occurrences of names by the line where they stand."""
    lines: dict[int, list[Occurrence]] = {}
    for occurrence in seen.occurrences:
        lines.setdefault(occurrence.span.line, []).append(occurrence)
    return {line: tuple(found) for line, found in lines.items()}


def _width(occurrence: Occurrence) -> tuple[int, int]:
    return occurrence.span.end_column - occurrence.span.column, occurrence.span.column
