"""Units (layers): the smallest things a pipeline stage holds whole."""

from __future__ import annotations

from dataclasses import dataclass

from dsl import spec
from dsl.resolve.models.tree import Node


@dataclass(frozen=True, slots=True)
class _Unit:
    """A unit and the place of its operators in program order."""

    name: str
    repeat: str | None
    position: int
    operators: tuple[int, ...]


def divide(root: Node, names: list[str]) -> tuple[spec.Unit, ...]:
    """The units below a model instance, in program order; `names` are all operators' names.

    Iterations of outermost repeats are units. Beside them every block and lone operator is one,
    but a block that holds repeats is divided by the same rule.
    """
    found: list[_Unit] = []
    _divide(root, found)
    found.sort(key=lambda unit: unit.operators)
    return tuple(
        spec.Unit(u.name, u.repeat, u.position, tuple(names[i] for i in u.operators)) for u in found
    )


def _divide(node: Node, found: list[_Unit]) -> None:
    for child in node.children:
        match child.sort:
            case "repeat":
                for iteration in child.children:
                    _take(iteration, child.path, iteration.position, found)
            case "block" if any(inner.sort == "repeat" for inner in child.walk()):
                _divide(child, found)
            case "block" | "operator":
                _take(child, None, 0, found)


def _take(node: Node, repeat: str | None, position: int, found: list[_Unit]) -> None:
    operators = tuple(inner.operator for inner in node.walk() if inner.operator is not None)
    if operators:
        found.append(_Unit(node.path, repeat, position, operators))
