"""Planning a spec at the editor's request: `mmp solve` in a process of its own; where there is no
plan, the conflict as findings and its ways out as changes of the text."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from dsl.diagnostic import Diagnostic, Label
from dsl.editor.analysis import Analysis
from dsl.editor.fixes import Fix
from dsl.editor.rename import Edit
from dsl.span import Span
from dsl.syntax import Apply, Limit, Order, Pin, Statement, Train
from solver.cli.exit_codes import ExitCode

LIMIT_S = 20  # seconds that a plan is looked for
GIB = 2**30
_DROPPED = (Pin, Order, Apply, Limit)


@dataclass(frozen=True, slots=True)
class Planned:
    """What came of it, in words; `source` is the text that it is about. Without a plan `conflict`
    is what cannot hold together, and `ways` are changes of that text, each alone a way out."""

    message: str
    is_good: bool
    source: str
    conflict: Diagnostic | None = None
    ways: tuple[Fix, ...] = ()


async def plan(analysis: Analysis) -> Planned:
    """Plan the file of an analysis, which is saved."""
    command = [sys.executable, "-m", "solver.cli.main", "solve", analysis.path, "--json"]
    running = await asyncio.create_subprocess_exec(
        *command,
        "--time-limit",
        str(LIMIT_S),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        out, err = await running.communicate()
    finally:
        if running.returncode is None:
            running.kill()
    return planned(analysis, running.returncode or 0, out.decode(), err.decode())


def planned(analysis: Analysis, code: int, out: str, err: str) -> Planned:
    """What the program said, by its exit code."""
    if code == ExitCode.DONE:
        return Planned(_summary(json.loads(out)), True, analysis.source)
    if code != ExitCode.INFEASIBLE:
        message = "reached the time limit without a plan" if code == ExitCode.LIMIT else err.strip()
        return Planned(message or f"mmp solve ended with {code}", False, analysis.source)
    document = json.loads(out)
    rows = document.get("conflict", [])
    conflict = _conflict(rows, analysis) if rows else None
    ways = (way_out(row, analysis) for row in document.get("relaxations", []))
    offered = tuple(way for way in ways if way is not None)
    return Planned("proven: there is no plan", False, analysis.source, conflict, offered)


def _summary(document: dict[str, Any]) -> str:
    outcome, objective = document["outcome"], document["objective"]
    stages = len(document["pipeline"]["stages"])
    gap = objective["gap"]
    proof = "optimal" if outcome["plan"] == "optimal" else f"gap {100 * gap:.2g} %"
    word = "stage" if stages == 1 else "stages"
    return f"a plan of {document['step_time_s']:.6g} s per step, {stages} {word}, {proof}"


def _conflict(rows: Sequence[dict[str, Any]], analysis: Analysis) -> Diagnostic:
    first, *others = sorted(rows, key=lambda row: bool(row["file"] != analysis.path))
    labels = tuple(Label(_span(row, analysis), "together with this") for row in others)
    via = tuple(
        Label(Span(place["file"], place["line"], 1, place["line"], 2), "applied here")
        for row in rows
        for place in row.get("via", ())
    )
    message = "this cannot hold on any plan"
    if others:
        message = f"these {len(rows)} requirements cannot hold together"
    return Diagnostic("MMP501", "error", message, _span(first, analysis), (*labels, *via))


def _span(row: dict[str, Any], analysis: Analysis) -> Span:
    """The statement of a row; of what is in another file, the line's start."""
    statement = _statement(row, analysis)
    if statement is not None:
        return statement.span
    return Span(row["file"], row["line"], 1, row["line"], 2)


def _statement(row: dict[str, Any], analysis: Analysis) -> Statement | None:
    if row["file"] != analysis.path or analysis.module is None:
        return None
    found = [s for s in analysis.module.file.statements if s.span.line == row["line"]]
    return found[0] if len(found) == 1 else None


def way_out(row: dict[str, Any], analysis: Analysis) -> Fix | None:
    """A way out as a change of the text; None where it is in another file or none of the text."""
    statement = _statement(row, analysis)
    if isinstance(statement, Limit) and row.get("bytes") is not None:
        amount = f"{row['bytes'] / GIB:.1f} GiB"
        title = f"Way out: raise the limit to {amount}"
        return Fix(title, (Edit(statement.value.span, amount),))
    if not str(row["change"]).startswith("drop"):
        return None
    if isinstance(statement, _DROPPED):
        return Fix(f"Way out: drop `{row['text']}`", (Edit(_whole_lines(statement, analysis), ""),))
    for span in _families(row, analysis):
        return Fix(f"Way out: drop the schedule `{row['text']}`", (Edit(span, ""),))
    return None


def _whole_lines(statement: Statement, analysis: Analysis) -> Span:
    """The statement, with its lines where nothing else stands on them."""
    span = statement.span
    lines = analysis.source.split("\n")
    rest = lines[span.line - 1][: span.column - 1] + lines[span.end_line - 1][span.end_column - 1 :]
    if rest.strip() or span.end_line >= len(lines):
        return span
    return Span(span.file, span.line, 1, span.end_line + 1, 1)


def _families(row: dict[str, Any], analysis: Analysis) -> Iterator[Span]:
    """The fixed schedule of that name on that line."""
    for statement in analysis.module.file.statements if analysis.module is not None else ():
        for item in statement.items if isinstance(statement, Train) else ():
            word = item.word
            if word is not None and (word.text, word.span.line) == (row["text"], row["line"]):
                yield Span(word.span.file, word.span.line, word.span.column - 1, *_end(word.span))


def _end(span: Span) -> tuple[int, int]:
    return span.end_line, span.end_column
