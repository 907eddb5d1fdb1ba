"""What a selector on the command line picks: operators, parameters, or a stage.

Selectors are those of pins (`net.layers[*].mlp.up`), read and matched by the language itself; a
value tensor stands for the operator that makes it, an input for its first reader. `stage 2`,
`stage first` and `stage last` pick a stage.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from dsl.diagnostic import Diagnostic
from dsl.load import LoadError
from dsl.resolve.models.tree import Node
from dsl.resolve.pins.selectors import select
from dsl.resolve.report import RejectedError, Reporter
from dsl.resolve.values import Value
from dsl.span import Span
from dsl.spec import Graph
from dsl.syntax import Pin, Selector
from dsl.text.parser import parse

FILE = "SELECTOR"  # as excerpts name what was written on the command line
_STAGE = re.compile(r"stage[\s:=]*(\d+|first|last)", re.I)
_SEGMENT = re.compile(r"([^.\[\]]+)((?:\[\d+\])?)")


@dataclass(frozen=True, slots=True)
class Picked:
    """What was picked: names of operators and parameters in program order, or a stage's number
    (`last` is -1). `text` is the selector as it was written."""

    text: str
    operators: tuple[str, ...] = ()
    parameters: tuple[str, ...] = ()
    stage: int | None = None


def pick(text: str, graph: Graph) -> Picked:
    """What a selector means. Raises LoadError where it is none, or matches nothing."""
    found = _STAGE.fullmatch(text.strip())
    if found is not None:
        word = found[1].lower()
        number = {"first": 0, "last": -1}.get(word)
        return Picked(text, stage=int(word) if number is None else number)
    report = Reporter()
    try:
        nodes = select(_parsed(text), _roots(graph), _NoNames(), report)
    except RejectedError as error:
        raise LoadError(_on_line_1(report.diagnostics, text), {FILE: text}) from error
    inner = [node for top in nodes if top.sort != "parameter" for node in top.walk()]
    places = sorted({node.operator for node in inner if node.operator is not None})
    direct = [node for node in nodes if node.sort == "parameter"]
    return Picked(
        text,
        tuple(graph.operators[place].name for place in places),
        tuple(dict.fromkeys(node.path for node in direct)),
    )


class _NoNames:
    """Subscripts on the command line are numbers: no name means anything there."""

    def find(self, _name: str) -> Value | None:
        return None

    def visible(self) -> Iterable[str]:
        return ()


def _parsed(text: str) -> Selector:
    """The selector as the language reads it: on a line of its own, where a pin has one."""
    file, diagnostics = parse(f"pin\n{text}\n: recompute", FILE)
    pins = [statement for statement in file.statements if isinstance(statement, Pin)]
    if diagnostics or len(pins) != 1:
        raise LoadError(_on_line_1(diagnostics, text), {FILE: text})
    return pins[0].selector


def _on_line_1(diagnostics: Sequence[Diagnostic], text: str) -> tuple[Diagnostic, ...]:
    """The same with the lines as they are on the command line."""
    return tuple(
        replace(
            found,
            span=_line_1(found.span, text),
            labels=tuple(replace(label, span=_line_1(label.span, text)) for label in found.labels),
        )
        for found in diagnostics
    )


def _line_1(span: Span, text: str) -> Span:
    """What stands behind the selector is at its end."""
    if span.line > 2:
        return Span(FILE, 1, len(text) + 1, 1, len(text) + 2)
    return replace(span, line=1, end_line=1)


def _roots(graph: Graph) -> tuple[Node, ...]:
    """The tree of names of all models, from the names of operators and tensors."""
    nowhere = Span(FILE, 1, 1, 1, 1)
    top = Node("block", "", "", nowhere)
    known: dict[str, Node] = {"": top}
    for place, operator in enumerate(graph.operators):
        for use in operator.inputs:
            role = graph.tensors[use.tensor].role
            if role == "parameter":
                _grow(known, use.tensor, nowhere).sort = "parameter"
            elif role == "input" and use.tensor not in known:
                _grow(known, use.tensor, nowhere).operator = place
        for name in (operator.name, *(use.tensor for use in operator.results)):
            node = _grow(known, name, nowhere)
            node.sort, node.operator = "operator", place
    return tuple(top.children)


def _grow(known: dict[str, Node], path: str, span: Span) -> Node:
    """The node of a path, with those above it."""
    node = known[""]
    for name, subscript in _SEGMENT.findall(path):
        node = _below(known, node, f"{node.path}.{name}".lstrip("."), name, span)
        if subscript:
            node.sort = "repeat"
            node = _below(known, node, node.path + subscript, name, span)
            node.sort, node.position = "iteration", int(subscript[1:-1])
    return node


def _below(known: dict[str, Node], parent: Node, path: str, name: str, span: Span) -> Node:
    if path not in known:
        known[path] = Node("block", name, path, span)
        parent.children.append(known[path])
    return known[path]
