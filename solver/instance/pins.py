"""The pins of an instance, an addition to the public format."""

from __future__ import annotations

import math
from typing import Any

from solver.instance.findings import Place
from solver.instance.instance import Ints, NodePin
from solver.instance.walk import MISSING, Walk, kind, number


def pins(walk: Walk, value: object, sizes: Ints | None, place: Place) -> tuple[NodePin, ...]:
    """The list of `{"name": "..", "nodes": [[node, [strategy, ...]], ...], "weight": w}`."""
    found = []
    names: set[str] = set()
    for number_, item in enumerate(walk.items(value, place)):
        at = (*place, number_)
        fields = walk.fields(item, at, ("name", "nodes"), ("weight",))
        name = _name(walk, fields["name"], (*at, "name"), names)
        nodes = _nodes(walk, fields["nodes"], sizes, (*at, "nodes"))
        weight = walk.amount(fields.get("weight", MISSING), (*at, "weight"))
        found.append(NodePin(name, nodes, math.inf if weight is None else weight))
    return tuple(found)


def _name(walk: Walk, value: object, place: Place, names: set[str]) -> str:
    name = walk.text(value, place)
    if name is None:
        return ""
    if not name or not name.isprintable():
        walk.findings.add("MMP608", place, "expected a name of printable characters")
    elif name in names:
        walk.findings.add("MMP608", place, f"another pin is called `{name}` already")
    names.add(name)
    return name


def _nodes(
    walk: Walk, value: object, sizes: Ints | None, place: Place
) -> tuple[tuple[int, tuple[int, ...]], ...]:
    entries = walk.items(value, place)
    if isinstance(value, list) and not entries:
        walk.findings.add("MMP606", place, "no nodes, expected at least one")
    found: dict[int, tuple[int, ...]] = {}
    for position, entry in enumerate(entries):
        at = (*place, position)
        if not (isinstance(entry, list) and len(entry) == 2):
            message = f"{_what(entry)}, expected a node and a list of strategies"
            walk.findings.add("MMP605", at, message)
            continue
        node = _index(walk, entry[0], None if sizes is None else len(sizes), "node", (*at, 0))
        if node is None or sizes is None:
            continue
        if node in found:
            walk.findings.add("MMP607", (*at, 0), f"this pin names node {node} already")
        found[node] = _allowed(walk, entry[1], int(sizes[node]), (*at, 1))
    return tuple(found.items())


def _allowed(walk: Walk, value: object, size: int, place: Place) -> tuple[int, ...]:
    strategies = walk.items(value, place)
    if isinstance(value, list) and not strategies:
        walk.findings.add("MMP606", place, "no strategies, expected at least one")
    found = [
        _index(walk, item, size, "strategy of this node", (*place, position))
        for position, item in enumerate(strategies)
    ]
    return tuple(sorted({strategy for strategy in found if strategy is not None}))


def _index(walk: Walk, value: Any, size: int | None, noun: str, place: Place) -> int | None:
    """A number that counts from 0; None after a complaint, or where `size` is not known."""
    if type(value) not in (int, float):
        walk.findings.add("MMP605", place, f"{kind(value)}, expected a number")
    elif size is not None and not 0 <= value < size:
        message = f"{number(value)} is no {noun}, expected 0 to {size - 1}"
        walk.findings.add("MMP607", place, message)
    elif value != math.floor(value):
        walk.findings.add("MMP605", place, f"{number(value)}, expected a whole number")
    elif size is not None:
        return int(value)
    return None


def _what(entry: object) -> str:
    return f"a list of {len(entry)}" if isinstance(entry, list) else kind(entry)
