"""What a name or a number means, in Markdown: how it was declared, its value and sizes, its doc."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path

from dsl.editor.analysis import Analysis
from dsl.editor.definitions import Definition
from dsl.editor.facts import device_facts, index_facts, member_facts, mesh_facts
from dsl.editor.quantities import show_exact, show_value
from dsl.resolve.report import Poisoned, RejectedError
from dsl.resolve.units import UNITS
from dsl.span import Span
from dsl.text.lexer import Lexer, Token

_LONGEST = 12  # lines of a declaration that are shown


def hover(analysis: Analysis, line: int, column: int) -> tuple[str, Span] | None:
    """The text for a place and what it is about; None where there is nothing to say."""
    occurrence = analysis.at(line, column)
    if occurrence is not None:
        return describe(analysis, occurrence.definition), occurrence.span
    return _quantity(analysis, line, column)


def describe(analysis: Analysis, definition: Definition) -> str:
    """A definition in Markdown."""
    parts = [f"```mmp\n{declaration(analysis, definition)}\n```"]
    facts = [*_value(definition), *_facts(analysis, definition)]
    if facts:
        parts.append("\n".join(f"- {fact}" for fact in facts))
    if definition.doc:
        parts.append(definition.doc)
    if definition.place.display != analysis.path and definition.sort != "module":
        parts.append(f"*{definition.sort} of `{definition.place.display}`*")
    return "\n\n".join(parts)


def declaration(analysis: Analysis, definition: Definition) -> str:
    """How it is declared: the text of its node, without what stands in braces."""
    if definition.sort == "module":
        return f"// {definition.place.display}"
    source = text_of(analysis, definition)
    span = getattr(definition.node, "span", definition.span)
    lines = source.split("\n")[span.line - 1 : span.end_line]
    if not lines:
        return definition.name
    lines[-1] = lines[-1][: span.end_column - 1] if span.end_line > span.line else lines[-1]
    text = "\n".join([lines[0][span.column - 1 :], *lines[1:]])
    if span.end_line == span.line:
        text = text[: span.end_column - span.column]
    text, brace, _ = text.partition("{")
    shown = text.rstrip().split("\n")[:_LONGEST]
    return "\n".join(shown) + (" { ... }" if brace else "")


def text_of(analysis: Analysis, definition: Definition) -> str:
    """The text of the file that it stands in; empty where it cannot be had."""
    known = analysis.sources.get(definition.place.display)
    if known is not None:
        return known
    try:
        return Path(definition.place.path).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def _value(definition: Definition) -> Iterator[str]:
    """The value of a constant or parameter of a file."""
    module = definition.module
    is_top = module is not None and definition.name in module.names
    if module is None or definition.sort not in ("constant", "parameter") or not is_top:
        return
    if module.names[definition.name].span != definition.span:
        return
    try:
        value = module.find(definition.name)
    except RejectedError:
        return
    if value is not None and not isinstance(value, Poisoned):
        yield f"value: {show_value(value)}"


def _facts(analysis: Analysis, definition: Definition) -> Sequence[str]:
    match definition.sort:
        case "axis" | "mesh":
            return mesh_facts(analysis.mesh, definition)
        case "device":
            return device_facts(analysis, definition)
        case "index":
            return index_facts(analysis.model, definition)
        case "tensor" | "operator" | "block" | "repeat" | "model":
            return member_facts(analysis.model, definition)
    return ()


def _quantity(analysis: Analysis, line: int, column: int) -> tuple[str, Span] | None:
    """A number with its unit, in base units."""
    lines = analysis.source.split("\n")
    if not 1 <= line <= len(lines):
        return None
    tokens = list(Lexer(lines[line - 1], analysis.path))
    for number, unit in pairwise(tokens):
        span = number.span.to(unit.span)
        if unit.kind == "UNIT" and span.column <= column <= span.end_column:
            return _amount(number, unit, Span(span.file, line, span.column, line, span.end_column))
    return None


def _amount(number: Token, unit: Token, span: Span) -> tuple[str, Span] | None:
    known = UNITS.get(unit.text)
    if known is None:
        return None
    amount = float(number.text) * float(known.factor)
    return f"{number.text} {unit.text}: {show_exact(amount, known.dimension)}", span
