"""Renaming: every occurrence in every file, refused where it would break or mean something else."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from dsl.editor.analysis import Analysis, analyse
from dsl.editor.definitions import Definition, Occurrence
from dsl.span import Span

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


class RefusedError(Exception):
    """A name cannot be changed; the text says why."""


@dataclass(frozen=True, slots=True)
class Edit:
    """A text in place of what stands at a span."""

    span: Span
    text: str


def check(occurrence: Occurrence | None) -> Occurrence:
    """The occurrence, if it can be renamed. Raises RefusedError otherwise."""
    if occurrence is None:
        raise RefusedError("there is no name here")
    definition = occurrence.definition
    if definition.sort == "module":
        raise RefusedError("modules are named after their files")
    if definition.place.is_standard or definition.place.library is not None:
        raise RefusedError(f"`{definition.name}` belongs to `{definition.place.display}`")
    return occurrence


def rename(
    files: Iterable[Analysis], at: Occurrence, here: Analysis, new: str, texts: Mapping[str, bytes]
) -> dict[str, list[Edit]]:
    """The edits of each file, by its path; `at` is in the file `here`.

    `files` are all that could name it; `texts` are those that are open. Where an import gives it
    another name (`a as b`), only that name is changed, in `here`. What comes out is read again:
    RefusedError where the name is none, is taken, or where a file would have new errors or a name
    would come to mean something else.
    """
    if not _NAME.fullmatch(new):
        raise RefusedError(f"`{new}` is no name: letters, digits and `_`, no digit first")
    old = _written(at, here)
    is_alias = old != at.definition.name
    known = {here.path: here, **({} if is_alias else {file.path: file for file in files})}
    edits = {path: _edits(file, at.definition, old, new) for path, file in known.items()}
    edits = {path: found for path, found in edits.items() if found}
    changed = {path: apply(known[path].source, found) for path, found in edits.items()}
    after = dict(texts)
    for path, text in changed.items():
        if (module := known[path].module) is not None:
            after[module.place.key()] = text.encode()
    for path, file in known.items():
        if path in changed or at.definition.place.display in file.sources:
            _compare(file, changed.get(path, file.source), new, after)
    return edits


def _edits(file: Analysis, definition: Definition, old: str, new: str) -> list[Edit]:
    found = file.of(definition)
    return [Edit(o.span, new) for o in found if _written(o, file) == old]


def apply(source: str, edits: Iterable[Edit]) -> str:
    """The text with the edits made; they do not overlap and stand on single lines."""
    lines = source.split("\n")
    for edit in sorted(edits, key=lambda edit: edit.span, reverse=True):
        line = lines[edit.span.line - 1]
        start, end = edit.span.column - 1, edit.span.end_column - 1
        lines[edit.span.line - 1] = line[:start] + edit.text + line[end:]
    return "\n".join(lines)


def _written(occurrence: Occurrence, file: Analysis) -> str:
    """The name that stands there."""
    span = occurrence.span
    line = file.source.split("\n")[span.line - 1]
    return line[span.column - 1 : span.end_column - 1]


def _compare(before: Analysis, text: str, new: str, texts: Mapping[str, bytes]) -> None:
    after = analyse(before.path, text, texts)
    known = {(d.code, d.span.file, d.span.line) for d in before.diagnostics}
    for found in after.diagnostics:
        if (found.code, found.span.file, found.span.line) not in known:
            raise RefusedError(f"`{new}` would not do: {found.message} ({found.span})")
    meant = [_meaning(o) for o in _sorted(before)]
    if meant != [_meaning(o) for o in _sorted(after)]:
        raise RefusedError(f"with `{new}` another name in {before.path} would mean something else")


def _sorted(analysis: Analysis) -> list[Occurrence]:
    found = {o.span: o for o in analysis.seen.occurrences} if analysis.seen is not None else {}
    return [found[span] for span in sorted(found)]


def _meaning(occurrence: Occurrence) -> tuple[int, str, int]:
    """Where a name stands and what it means, as far as a renaming leaves that the same."""
    definition = occurrence.definition
    return occurrence.span.line, definition.place.display, definition.span.line
