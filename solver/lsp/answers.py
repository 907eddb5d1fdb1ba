"""The answers to an editor's questions, from analyses to the forms of the protocol."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence

from lsprotocol import types
from pygls.workspace import PositionCodec

from dsl.editor.analysis import Analysis
from dsl.editor.candidates import Item
from dsl.editor.completion import complete
from dsl.editor.definitions import Occurrence
from dsl.editor.fixes import Fix, fixes
from dsl.editor.hover import hover, text_of
from dsl.editor.readings import Readings
from dsl.editor.rename import Edit
from solver.lsp.documents import Documents
from solver.lsp.findings import here
from solver.lsp.places import lines_of, to_range

_KINDS = {
    "keyword": types.CompletionItemKind.Keyword,
    "unit": types.CompletionItemKind.Unit,
    "type": types.CompletionItemKind.TypeParameter,
    "function": types.CompletionItemKind.Function,
    "kind": types.CompletionItemKind.Function,
    "strategy": types.CompletionItemKind.Function,
    "module": types.CompletionItemKind.Module,
    "model": types.CompletionItemKind.Class,
    "device": types.CompletionItemKind.Class,
    "constant": types.CompletionItemKind.Constant,
    "axis": types.CompletionItemKind.EnumMember,
    "schedule": types.CompletionItemKind.EnumMember,
    "index": types.CompletionItemKind.Variable,
    "tensor": types.CompletionItemKind.Variable,
    "parameter": types.CompletionItemKind.Property,
    "link": types.CompletionItemKind.Property,
    "block": types.CompletionItemKind.Struct,
    "repeat": types.CompletionItemKind.Struct,
    "operator": types.CompletionItemKind.Method,
    "optimizer": types.CompletionItemKind.Value,
    "precision": types.CompletionItemKind.Value,
    "physics": types.CompletionItemKind.Value,
}


def hover_at(
    analysis: Analysis, line: int, column: int, shift: int, codec: PositionCodec
) -> types.Hover | None:
    """What stands at a place of the analysis; its lines are `shift` further down by now."""
    found = hover(analysis, line, column)
    if found is None:
        return None
    text, span = found
    place = to_range(span, lines_of(analysis.source), codec)
    for end in (place.start, place.end):
        end.line += shift
    return types.Hover(types.MarkupContent(types.MarkupKind.Markdown, text), place)


def definition_of(
    analysis: Analysis, occurrence: Occurrence, documents: Documents, codec: PositionCodec
) -> types.Location:
    """Where a name is declared, in whatever file."""
    definition = occurrence.definition
    lines = lines_of(text_of(analysis, definition))
    path = os.path.abspath(definition.place.path)  # noqa: PTH100 (`..` goes, links stay)
    return types.Location(documents.uri(path), to_range(definition.span, lines, codec))


def moved(location: types.Location, lines: int) -> types.Location:
    """The place so many lines further down."""
    start, end = location.range.start, location.range.end
    return types.Location(
        location.uri,
        types.Range(
            types.Position(start.line + lines, start.character),
            types.Position(end.line + lines, end.character),
        ),
    )


def completion_at(analysis: Analysis, source: str, line: int, column: int) -> types.CompletionList:
    """The choices at a place, in their order."""
    found = complete(analysis, source, line, column)
    return types.CompletionList(False, [_choice(item, number) for number, item in enumerate(found)])


def _choice(item: Item, number: int) -> types.CompletionItem:
    doc = types.MarkupContent(types.MarkupKind.Markdown, item.doc) if item.doc else None
    return types.CompletionItem(
        label=item.label.rstrip(": "),
        kind=_KINDS[item.sort],
        detail=item.detail or item.sort,
        documentation=doc,
        sort_text=f"{number:05}",
        insert_text=item.label,
    )


def formatted(source: str, path: str, readings: Readings) -> list[types.TextEdit] | None:
    """The edits that bring a text into the one style: the lines that change, as one; None where it
    does not parse."""
    after = readings.formatted(source, path)
    return None if after is None else _difference(source, after)


def _difference(before: str, after: str) -> list[types.TextEdit]:
    if before == after:
        return []
    old, new = before.split("\n"), after.split("\n")
    first = 0
    while first < min(len(old), len(new)) and old[first] == new[first]:
        first += 1
    last = 0
    while last < min(len(old), len(new)) - first and old[-1 - last] == new[-1 - last]:
        last += 1
    if last:
        text = "".join(line + "\n" for line in new[first : len(new) - last])
        end = types.Position(len(old) - last, 0)
    else:
        text = "\n".join(new[first:])
        end = types.Position(len(old), 0)
    if first == len(old):  # something is added behind the last line
        text = "\n" + text
        return [types.TextEdit(types.Range(_end_of(old), _end_of(old)), text)]
    return [types.TextEdit(types.Range(types.Position(first, 0), end), text)]


def _end_of(lines: Sequence[str]) -> types.Position:
    return types.Position(len(lines) - 1, len(lines[-1].encode("utf-16-le")) // 2)


def text_edits(edits: Iterable[Edit], source: str, codec: PositionCodec) -> list[types.TextEdit]:
    """Edits of a text in the form of the protocol."""
    lines = lines_of(source)
    return [types.TextEdit(to_range(edit.span, lines, codec), edit.text) for edit in edits]


def quick_fixes(
    analysis: Analysis, asked: types.CodeActionParams, codec: PositionCodec
) -> list[types.CodeAction]:
    """The fixes of the findings that touch the range asked for."""
    uri, lines = asked.text_document.uri, lines_of(analysis.source)
    actions = []
    for diagnostic in analysis.diagnostics:
        place = to_range(here(diagnostic, analysis.path), lines, codec)
        if diagnostic.span.file == analysis.path and touches(place, asked.range):
            shown = [d for d in asked.context.diagnostics if d.code == diagnostic.code]
            for fix in fixes(diagnostic, analysis.source):
                actions.append(quick_fix(fix, uri, analysis, codec, shown))
    return actions


def quick_fix(
    fix: Fix,
    uri: str,
    analysis: Analysis,
    codec: PositionCodec,
    mended: Sequence[types.Diagnostic] = (),
) -> types.CodeAction:
    """A fix of the analysed document as an action."""
    return types.CodeAction(
        title=fix.title,
        kind=types.CodeActionKind.QuickFix,
        diagnostics=list(mended),
        edit=types.WorkspaceEdit(changes={uri: text_edits(fix.edits, analysis.source, codec)}),
    )


def touches(one: types.Range, other: types.Range) -> bool:
    """Whether two ranges have a place in common, ends included."""
    start, end = max(one.start, other.start), min(one.end, other.end)
    return start <= end
