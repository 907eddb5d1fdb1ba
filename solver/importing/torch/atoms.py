"""Indices of a traced graph, found out as it is read: equal ones are joined, viewed ones split.

A dimension of a tensor is a product of atoms, slowest first (`heads * head_dim` after a reshape).
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

_NUMBER = itertools.count()


class NoIndexError(ValueError):
    """Dimensions that do not fit together as products of indices."""


@dataclass(eq=False, slots=True)
class Atom:
    """An index of `size`. `same` is the atom that it was joined to, `parts` those it was split
    into. Of two `hint`s for its name the one of higher `rank` holds."""

    size: int
    hint: str = ""
    rank: int = 0
    same: Atom | None = None
    parts: tuple[Atom, ...] = ()
    number: int = field(default_factory=lambda: next(_NUMBER))


Dim = tuple[Atom, ...]
Dims = tuple[Dim, ...]


def leaves(atoms: Iterable[Atom]) -> tuple[Atom, ...]:
    """The atoms that these are now, split as far as they are."""
    found: list[Atom] = []
    for atom in atoms:
        at = atom
        while at.same is not None:
            at = at.same
        found += leaves(at.parts) if at.parts else [at]
    return tuple(found)


def flat(dims: Dims) -> tuple[Atom, ...]:
    """All atoms of a tensor, slowest first."""
    return leaves(itertools.chain.from_iterable(dims))


def size(dim: Iterable[Atom]) -> int:
    """The elements along a dimension."""
    total = 1
    for atom in leaves(dim):
        total *= atom.size
    return total


def join(one: Sequence[Atom], other: Sequence[Atom]) -> None:
    """Make two dimensions the same indices, splitting what is coarser. Raises NoIndexError."""
    left, right = list(leaves(one)), list(leaves(other))
    left, right = [a for a in left if a.size > 1], [a for a in right if a.size > 1]
    while left and right:
        first, second = left.pop(), right.pop()
        if first is second:
            continue
        if first.size > second.size:
            left.append(_cut_last(first, second.size))
            first = first.parts[1]
        elif second.size > first.size:
            right.append(_cut_last(second, first.size))
            second = second.parts[1]
        _unite(first, second)
        left, right = list(leaves(left)), list(leaves(right))
    if left or right:
        raise NoIndexError("the dimensions differ")


def regroup(atoms: Sequence[Atom], shape: Sequence[int]) -> Dims:
    """The same atoms in the dimensions of another shape, splitting where they ask for it."""
    left = list(reversed(leaves(atoms)))
    dims: list[Dim] = []
    for wanted in shape:
        dim: list[Atom] = []
        room = wanted
        if wanted == 1 and left and left[-1].size == 1:
            dim.append(left.pop())
        while room > 1:
            if not left:
                raise NoIndexError("a view with more elements than its tensor")
            atom = left.pop()
            if room % atom.size:
                if atom.size % room:
                    raise NoIndexError(f"{atom.size} elements do not split into rows of {wanted}")
                left.append(_cut_first(atom, room))
                atom = atom.parts[0]
            room //= atom.size
            dim.append(atom)
        dims.append(tuple(dim))
    if any(atom.size > 1 for atom in left):
        raise NoIndexError("a view with fewer elements than its tensor")
    if left:
        dims[-1] = (*dims[-1], *left)
    return tuple(dims)


def name(atom: Atom, hint: str, rank: int) -> None:
    """Suggest a name for an index."""
    if rank > atom.rank:
        atom.hint, atom.rank = hint, rank


def _cut_last(atom: Atom, last: int) -> Atom:
    """Split off `last` at the end; the rest."""
    if atom.size % last:
        raise NoIndexError(f"an index of {atom.size} does not split into rows of {last}")
    atom.parts = (Atom(atom.size // last, atom.hint), Atom(last, atom.hint))
    return atom.parts[0]


def _cut_first(atom: Atom, first: int) -> Atom:
    """Split off `first` at the front; the rest."""
    atom.parts = (Atom(first, atom.hint), Atom(atom.size // first, atom.hint))
    return atom.parts[1]


def _unite(one: Atom, other: Atom) -> None:
    keep, gone = (one, other) if one.rank >= other.rank else (other, one)
    gone.same = keep
