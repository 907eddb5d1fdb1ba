"""What names stand for, and where they are written."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from dsl.resolve.files import Place
from dsl.resolve.modules import Module
from dsl.span import Span


@dataclass(frozen=True, slots=True)
class Definition:
    """A named thing. `sort` is a noun (`index`, `model`); `node` is its syntax tree node, `module`
    the file that it stands in. Two are equal when they stand at one place."""

    name: str
    sort: str
    place: Place
    span: Span
    doc: str = field(default="", compare=False)
    node: Any = field(default=None, compare=False)
    module: Module | None = field(default=None, compare=False)

    @property
    def key(self) -> tuple[str, int, int]:
        """The place as one value, the same in every analysis."""
        return self.place.key(), self.span.line, self.span.column


@dataclass(frozen=True, slots=True)
class Occurrence:
    """A name as written, and what it stands for there."""

    span: Span
    definition: Definition


@dataclass(slots=True)
class Scope:
    """The names of a model, block or repeat, as written (both sides of an `if`).

    `members` are what a path can go on to; `inner` the scopes of those that have one. That of a
    block which is another model is read when it is asked for: `models` has how.
    """

    outer: Scope | None = None
    values: dict[str, Definition] = field(default_factory=dict)
    indices: dict[str, Definition] = field(default_factory=dict)
    members: dict[str, Definition] = field(default_factory=dict)
    inner: dict[str, Scope] = field(default_factory=dict)
    models: dict[str, Callable[[], Scope]] = field(default_factory=dict)

    def chain(self) -> Iterator[Scope]:
        """This scope and those around it, innermost first."""
        scope: Scope | None = self
        while scope is not None:
            yield scope
            scope = scope.outer

    def value(self, name: str) -> Definition | None:
        """The tensor, constant or parameter of that name."""
        return next((s.values[name] for s in self.chain() if name in s.values), None)

    def index(self, name: str) -> Definition | None:
        """The index of that name."""
        return next((s.indices[name] for s in self.chain() if name in s.indices), None)

    def member(self, name: str) -> Definition | None:
        """The block, operator or tensor of that name, here or further out."""
        return next((s.members[name] for s in self.chain() if name in s.members), None)

    def inside(self, name: str) -> Scope | None:
        """The scope that a path goes on into after a member; None where it ends."""
        if name in self.models and name not in self.inner:
            self.inner[name] = self.models[name]()
        return self.inner.get(name)
