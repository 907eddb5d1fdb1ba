"""The names of one statement that was changed since the text was read, without reading it all."""

from __future__ import annotations

from dataclasses import replace

from dsl.editor.analysis import Analysis, by_line
from dsl.editor.context import begins_statement
from dsl.editor.declarations import names_of
from dsl.resolve.depth import room_for_recursion
from dsl.syntax import File, Instance, Mesh, Statement
from dsl.text.parser import parse

_NEEDED = (Mesh, Instance)  # what statements elsewhere refer to


def patched(analysis: Analysis, source: str, line: int) -> Analysis | None:
    """The analysis with the names of the statement on a line of a newer text in place of its own;
    None where the statement does not parse. Models, values and findings are those of before."""
    if analysis.module is None:
        return None
    statements = _statements(source, line, analysis.path)
    if not statements:
        return None
    module = analysis.module
    others = [s for s in module.file.statements if isinstance(s, _NEEDED)]
    kept = () if any(isinstance(s, _NEEDED) for s in statements) else others
    file = File(module.file.path, source, (*kept, *statements))
    with room_for_recursion():
        seen = names_of(replace(module, file=file))
    first, last = statements[0].span.line, statements[-1].span.end_line
    seen.occurrences = [o for o in seen.occurrences if first <= o.span.line <= last]
    return replace(analysis, source=source, seen=seen, lines=by_line(seen))


def reads(analysis: Analysis, line: int, column: int) -> bool:
    """Whether what stands at a place is declared outside of the statements that a patched analysis
    knows, so that their values and sizes do not matter to it."""
    found = analysis.at(line, column)
    if found is None:
        return False
    here = found.definition.span
    return here.file != analysis.path or here.line not in analysis.lines


def _statements(source: str, line: int, path: str) -> tuple[Statement, ...]:
    """The statement around a line, at its place in the text; empty where it does not parse."""
    lines = source.split("\n")
    first = last = min(line, len(lines)) - 1
    while first > 0 and not begins_statement(lines[first]):
        first -= 1
    last += 1
    while last < len(lines) and not begins_statement(lines[last]):
        last += 1
    file, found = parse("\n" * first + "\n".join(lines[first:last]), path)
    return () if found else file.statements
