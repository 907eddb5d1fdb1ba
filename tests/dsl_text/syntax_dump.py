"""Syntax trees as text: one line per statement or block item, the rest in brackets behind it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

from dsl import syntax
from dsl.span import Span

HERE = Path(__file__).parent
CASES = sorted((HERE / "cases").glob("*.mmp"))
_LISTS = ("items", "fields", "then", "otherwise", "recompute", "layouts", "strategies")


def read_text(path: Path) -> str:
    """The file's text with its line ends as they are."""
    return path.read_bytes().decode()


def dump(file: syntax.File, spans: bool = True) -> str:
    """The whole tree; without spans, what two texts of one meaning have in common."""
    return "".join(line + "\n" for s in file.statements for line in _item(s, "", spans))


def _item(node: Any, indent: str, spans: bool) -> Iterator[str]:
    if isinstance(node, tuple):  # a measured strategy
        name, node = node
        yield f"{indent}strategy {name.text}"
        indent += "  "
    words = [type(node).__name__]
    if spans:
        words.append(_span(node.span))
    lists = []
    for field in fields(node):
        value = getattr(node, field.name)
        if field.name in _LISTS and value is not None:
            lists.append((field.name, value))
        elif field.name == "body":
            lists.append(("body", (value,)))
        elif field.name not in ("span", "source_span") and value not in (None, "", (), False):
            words.append(f"{field.name}={_show(value)}")
    yield indent + " ".join(words)
    for name, values in lists:
        if name != "items" and values:
            yield f"{indent}  {name}:"
        for value in values:
            yield from _item(value, indent + "    ", spans)


def _span(span: Span) -> str:
    return f"@{span.line}:{span.column}-{span.end_line}:{span.end_column}"


def _show(value: Any) -> str:
    match value:
        case syntax.Name(text):
            return text
        case syntax.Quantity(number, is_integer, unit):
            return f"{number:g}{'' if is_integer else 'f'}{unit}"
        case syntax.Selector(segments):
            return ".".join(map(_show, segments))
        case syntax.Segment(glob, None):
            return glob
        case syntax.Segment(glob, subscript):
            return f"{glob}[{subscript if subscript == '*' else _show(subscript)}]"
        case syntax.Binary(operator, left, right):
            return f"({operator} {_show(left)} {_show(right)})"
        case syntax.Unary(operator, operand):
            return f"({operator} {_show(operand)})"
        case tuple():
            return "[" + " ".join(map(_show, value)) + "]"
        case _ if is_dataclass(value):
            inside = [
                f"{f.name}={_show(getattr(value, f.name))}"
                for f in fields(value)
                if f.name != "span" and getattr(value, f.name) not in (None, "", (), False)
            ]
            return f"{type(value).__name__}({', '.join(inside)})"
        case _:
            return repr(value)
