"""Names for operators, blocks and indices of the written model."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from solver.importing.torch import atoms
from solver.importing.torch.atoms import Atom

Scope = tuple[str, ...]
_OWN = ("batch", "seq")


@dataclass(slots=True)
class Names:
    """Names that are taken in each block: one may not hide another of a block around it."""

    taken: dict[Scope, set[str]] = field(default_factory=dict)

    def new(self, scope: Scope, wanted: str) -> str:
        """A name in a block, as near to the wanted one as is free."""
        word = identifier(wanted)
        number, found = 1, word
        while found in _OWN or self._is_taken(scope, found):
            number += 1
            found = f"{word}_{number}"
        self.taken.setdefault(scope, set()).add(found)
        return found

    def _is_taken(self, scope: Scope, name: str) -> bool:
        return any(
            name in names
            for other, names in self.taken.items()
            if scope[: len(other)] == other or other[: len(scope)] == scope
        )


def identifier(text: str) -> str:
    """Letters, digits and `_` of a text, beginning with no digit."""
    word = re.sub(r"[^A-Za-z0-9_]+", "_", text).strip("_") or "part"
    return f"at_{word}" if word[0].isdigit() else word


@dataclass(slots=True)
class Indices:
    """Names and sizes of indices, in the order in which they are first asked for."""

    sizes: dict[str, int] = field(default_factory=dict)
    batch: set[str] = field(default_factory=set)
    _names: dict[tuple[Atom, bool], str] = field(default_factory=dict)

    def of(self, atom: Atom, inner: bool = False) -> str:
        """The name of a leaf; its second one where an operator sees it as another index."""
        if (atom, inner) not in self._names:
            wanted = self._inner(atom) if inner else atom.hint or "n"
            number, found = 1, wanted
            while found in self.sizes:
                number += 1
                found = f"{wanted}{number}"
            self._names[atom, inner] = found
            self.sizes[found] = atom.size
        return self._names[atom, inner]

    def _inner(self, atom: Atom) -> str:
        name = self.of(atom)
        return "t" if name == "s" else f"{name}_in"


def named(indices: Indices, read: Iterable[Atom], inner: frozenset[int] = frozenset()) -> str:
    """`[b, s, d]` of the atoms of a tensor (`inner` are numbers of those under a second name)."""
    words: list[str] = []
    for at, atom in enumerate(read):
        words += [
            indices.of(leaf, at in inner)
            for leaf in atoms.leaves((atom,))
            if leaf.size > 1 or leaf.hint == "b"
        ]
    return f"[{', '.join(words)}]"
