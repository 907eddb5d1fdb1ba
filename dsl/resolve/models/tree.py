"""The hierarchy of names of a model: what selectors walk."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

from dsl.span import Span

Sort = Literal["model", "block", "repeat", "iteration", "operator", "parameter"]


@dataclass(slots=True)
class Node:
    """One name. `name` is its segment (that of the repeat for an iteration, with `position`).

    `operator` is the operator's place in program order. A parameter's path is its tensor's name.
    """

    sort: Sort
    name: str
    path: str
    span: Span
    position: int = 0
    operator: int | None = None
    children: list[Node] = field(default_factory=list)

    def walk(self) -> Iterator[Node]:
        """This node and everything below it, in program order."""
        stack = [self]
        while stack:
            node = stack.pop()
            yield node
            stack.extend(reversed(node.children))

    def child(self, sort: Sort, name: str, span: Span, position: int = 0) -> Node:
        """A new node below this one."""
        step = f"[{position}]" if sort == "iteration" else f".{name}"
        node = Node(sort, name, self.path + step, span, position)
        self.children.append(node)
        return node
